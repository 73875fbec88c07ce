// An agent's process stands still in the middle of typing, and all of its clocks with it: what a hypervisor does that stuns
// a machine and tells it nothing (G1, G4). Its agent is told of its loss by the end of its stream alone, so that more than one
// call may be made; how many is told, and bounded. Judged by the keys that arrived in its window.
//
// Its clocks are libfaketime's, moved back by the length of the pause.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Desk, Desks, words } from "./desks.ts";
import { tellRecovery } from "./recovery.ts";

const libraries = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/** What is made before the end of the stream has been read. */
const inputsAfterWakingMax = 3;

let desks: Desks;
const dir = mkdtempSync(join(tmpdir(), "drover-clocks-"));
const behindMs = [0, 0];

/** The clocks of the n-th machine (from 0) are so far behind the true ones. */
function setBehind(machine: number, ms: number): void {
  behindMs[machine] = ms;
  writeFileSync(join(dir, `${machine}`), `-${(ms / 1000).toFixed(3)}`);
}

before(async () => {
  const library = libraries.find(existsSync) ?? assert.fail("libfaketime is not installed: apt-get install faketime");
  desks = await Desks.start({
    machines: 2,
    envFor(machine) {
      setBehind(machine, 0);
      return {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: join(dir, `${machine}`),
        FAKETIME_NO_CACHE: "1",
        NODE_OPTIONS: `--import=${resolve(import.meta.dirname, "one-clock.ts")}`,
      };
    },
  });
});

after(async () => {
  await desks?.stop();
  rmSync(dir, { recursive: true, force: true });
});

afterEach(async () => {
  for (const desk of desks.desks) await desks.idle(desk);
});

/** Gives what had been typed and when it was woken. */
async function stun(desk: Desk, until: () => Promise<void>): Promise<{ typed: number; wokenAt: number }> {
  const machine = desks.desks.indexOf(desk);
  desk.signal("agent", "SIGSTOP");
  const stoppedAt = performance.now();
  await until();
  setBehind(machine, (behindMs[machine] ?? 0) + performance.now() - stoppedAt);
  const typed = desk.keys().length;
  const wokenAt = Date.now();
  desk.signal("agent", "SIGCONT");
  return { typed, wokenAt };
}

test("woken before takeover it goes on in the same text", async (t) => {
  const text = words(10_000, 300);
  const { run, desk } = await desks.typing("typing", text);
  const { wokenAt } = await stun(desk, () => delay(8_000));
  await run.result();
  const again = desk.keys().find(({ at }) => at > wokenAt) ?? assert.fail("it went on");
  tellRecovery(t, "a stunned agent woken before takeover types", again.at - wokenAt);
  assert.equal(desk.text().split(text).length, 2, "the text is there once");
  assert.equal((await run.refresh()).attempts.length, 1);
});

for (const round of [1, 2, 3, 4, 5]) {
  test(`woken after takeover it types until its stream tells it of its loss (${round})`, async (t) => {
    const text = words(20_000 + 1_000 * round, 600);
    const { run, desk } = await desks.typing("typing", text);
    const { typed, wokenAt } = await stun(desk, () => desks.handedOn(run));
    await run.result();
    await desks.idle(desk);
    const more = desk.keys().slice(typed);
    const forMs = more.length === 0 ? 0 : (more.at(-1)?.at ?? 0) - wokenAt;
    t.diagnostic(`${more.length} inputs in the first ${forMs} ms after waking`);
    const other = desks.desks.find((d) => d !== desk) ?? assert.fail();
    assert.ok(other.text().endsWith(`${text}\n`), "the other machine typed it to its end");
    assert.ok(!desk.text().includes(text));
    assert.ok(more.length <= inputsAfterWakingMax, `${more.length} inputs after waking`);
  });
}
