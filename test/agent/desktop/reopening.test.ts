// A desktop that hangs holds nobody up who asks first (G13): neither before it is open nor after.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reopeningDesktop } from "../../../agent/desktop/reopening.ts";
import { simulatedDesktop } from "../../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../../agent/desktop/simulated-notes.ts";
import { SimulatedWorld } from "../../../agent/desktop/simulated-world.ts";
import { ServerPulse } from "../../../agent/desktop/x11/server-pulse.ts";
import { type BareDisplay, startBareDisplay } from "../doctor/machines.ts";

let display: BareDisplay;
before(async () => {
  display = await startBareDisplay();
});
after(() => display.stop());

test("a desktop whose window system does not answer is neither opened nor asked; it is when it answers again", async () => {
  const world = new SimulatedWorld({ machine: "one", applications: [simulatedNotes()] });
  let answering = false;
  let opened = 0;
  const open = async () => {
    opened++;
    return simulatedDesktop(world);
  };
  const desktop = reopeningDesktop({ platform: "simulated", open, pulse: { answers: async () => answering } });
  await assert.rejects(desktop.windows(), { name: "DesktopStuck" });
  assert.deepEqual(await desktop.surface(), { is: "absent", cause: "UNREACHABLE" });
  assert.equal(opened, 0);
  answering = true;
  assert.equal((await desktop.surface()).is, "present");
  answering = false;
  await assert.rejects(desktop.capture(), { name: "DesktopStuck" });
  assert.equal(await desktop.answers(1), false);
  assert.equal(opened, 1);
});

test("presses that were told by a connection that was lost are not forgotten", async () => {
  const worlds = [1, 2].map((presses) => {
    const world = new SimulatedWorld({ machine: "one", applications: [] });
    world.personPresses = presses;
    return world;
  });
  const lost = Object.assign(new Error("gone"), { name: "DesktopLost" });
  const [first, second] = worlds.map(simulatedDesktop);
  const desktops = [Object.assign(first as object, { windows: () => Promise.reject(lost) }), second];
  const open = async () => desktops.shift() as ReturnType<typeof simulatedDesktop>;
  const desktop = reopeningDesktop({ platform: "simulated", open, pulse: { answers: async () => true } });
  assert.equal(desktop.foreignPresses(), 0);
  await assert.rejects(desktop.windows(), lost);
  await desktop.surface();
  assert.equal(desktop.foreignPresses(), 3);
});

test("an X server that stands still is told in time, and again when it goes on; one that is gone tells so itself", async () => {
  const pulse = new ServerPulse(display.display);
  assert.equal(await pulse.answers(5_000), true);
  assert.equal(await pulse.answers(5_000), true, "by the same socket");
  process.kill(display.pid, "SIGSTOP");
  const fresh = new ServerPulse(display.display);
  try {
    const before = performance.now();
    assert.deepEqual(await Promise.all([pulse.answers(100), fresh.answers(100)]), [false, false]);
    assert.equal(await pulse.answers(50), false, "the same question, still");
    assert.ok(performance.now() - before < 1_000);
  } finally {
    process.kill(display.pid, "SIGCONT");
  }
  assert.deepEqual(await Promise.all([pulse.answers(5_000), fresh.answers(5_000)]), [true, true]);
  assert.equal(await new ServerPulse(":987654").answers(5_000), true);
  pulse.stop();
  fresh.stop();
});
