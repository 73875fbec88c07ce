// What an agent drives stands still in the middle of typing (SIGSTOP): its X server, or the application. G1, G4. Judged by
// the keys that arrived in the window.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Desks, words } from "./desks.ts";
import { tellRecovery } from "./recovery.ts";

/** One call may have been on its way to the X server. */
const inputsAfterWakingMax = 1;

let desks: Desks;

before(async () => {
  desks = await Desks.start({ machines: 2 });
});

after(() => desks?.stop());

afterEach(async () => {
  for (const desk of desks.desks) await desks.idle(desk);
});

for (const who of ["X server", "application"] as const) {
  test(`after its ${who} stood still for 4 s, a run goes on in the same text`, async (t) => {
    const text = words(who === "X server" ? 10_000 : 20_000, 300);
    const { run, desk } = await desks.typing("typing", text);
    desk.signal(who, "SIGSTOP");
    await delay(4_000);
    const wokenAt = Date.now();
    desk.signal(who, "SIGCONT");
    await run.result();
    await desk.received(`${text}\n`);
    const again = desk.keys().find(({ at }) => at > wokenAt) ?? assert.fail("it went on");
    tellRecovery(t, `its ${who} woken, keys arrive`, again.at - wokenAt);
    assert.equal(desk.text().split(text).length, 2, "the text is there once");
    assert.equal((await run.refresh()).attempts.length, 1);
  });
}

for (const round of [1, 2, 3]) {
  test(`when its X server stands still beyond takeover, its run is done elsewhere, and what is woken types no more (${round})`, async (t) => {
    const text = words(30_000 + 1_000 * round, 300);
    const { run, desk } = await desks.typing("typing", text);
    const stoppedAt = Date.now();
    desk.signal("X server", "SIGSTOP");
    await desks.handedOn(run);
    tellRecovery(t, "an X server is stopped, its run is placed elsewhere", Date.now() - stoppedAt);
    await run.result();
    const typed = desk.keys().length;
    desk.signal("X server", "SIGCONT");
    await desks.idle(desk);
    const more = desk.keys().length - typed;
    t.diagnostic(`${more} inputs after waking`);
    const other = desks.desks.find((d) => d !== desk) ?? assert.fail();
    assert.ok(other.text().endsWith(`${text}\n`), "the other machine typed it to its end");
    assert.ok(!desk.text().includes(text));
    assert.ok(more <= inputsAfterWakingMax, `${more} inputs after waking`);
  });
}
