// An agent's process stands still in the middle of typing (SIGSTOP), and is woken before or after its run was handed on: G1,
// G4. Judged by the keys that arrived in its window.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { nameOf, Outcome } from "../../sdk/index.ts";
import { until } from "../support/product.ts";
import { Desks, words } from "./desks.ts";
import { tellRecovery } from "./recovery.ts";

/** One call may have been past its check. */
const inputsAfterWakingMax = 1;

let desks: Desks;

before(async () => {
  desks = await Desks.start({ machines: 2 });
});

after(() => desks?.stop());

afterEach(async () => {
  for (const desk of desks.desks) await desks.idle(desk);
});

test("woken before takeover it goes on in the same text, under a new epoch", async (t) => {
  const text = words(10_000, 300);
  const { run, desk } = await desks.typing("typing", text);
  const epoch = await desks.epoch(desk);
  desk.signal("agent", "SIGSTOP");
  // Longer than its server waits for a beat, shorter than takeover.
  await delay(8_000);
  const wokenAt = Date.now();
  desk.signal("agent", "SIGCONT");
  await run.result();
  const again = desk.keys().find(({ at }) => at > wokenAt) ?? assert.fail("it went on");
  tellRecovery(t, "an agent woken before takeover types", again.at - wokenAt);
  assert.ok(desk.text().endsWith(`${text}\n`) && desk.text().split(text).length === 2, "the text is there once");
  assert.ok((await desks.epoch(desk)) > epoch, "under a new epoch");
  assert.equal((await run.refresh()).attempts.length, 1);
});

for (const round of [1, 2, 3]) {
  test(`woken after takeover it leaves the text to the machine that has it now (${round})`, async (t) => {
    const text = words(20_000 + 1_000 * round, 300);
    const { run, desk } = await desks.typing("typing", text);
    const stoppedAt = Date.now();
    desk.signal("agent", "SIGSTOP");
    await desks.handedOn(run);
    tellRecovery(t, "an agent is stopped, its run is placed elsewhere", Date.now() - stoppedAt);
    const typed = desk.keys().length;
    desk.signal("agent", "SIGCONT");
    await run.result();
    await desks.idle(desk);
    const more = desk.keys().length - typed;
    t.diagnostic(`${more} inputs after waking`);
    assert.ok(more <= inputsAfterWakingMax, `${more} inputs after waking`);
    const other = desks.desks.find((d) => d !== desk) ?? assert.fail();
    assert.ok(other.text().endsWith(`${text}\n`), "the other machine typed it to its end");
    assert.ok(!desk.text().includes(text));
    assert.equal((await run.refresh()).attempts.length, 2);
  });
}

test("woken after takeover inside a commit step it types no more, and the run has ended UNKNOWN", async (t) => {
  const text = words(30_000, 300);
  const { run, desk } = await desks.typing("committing", text);
  desk.signal("agent", "SIGSTOP");
  await until("the run has ended", async () => (await run.refresh()).outcome !== 0, 30_000);
  const typed = desk.keys().length;
  desk.signal("agent", "SIGCONT");
  await desks.idle(desk);
  const more = desk.keys().length - typed;
  t.diagnostic(`${more} inputs after waking`);
  assert.ok(more <= inputsAfterWakingMax, `${more} inputs after waking`);
  const { outcome, attempts } = await run.refresh();
  assert.equal(nameOf(Outcome, outcome), "UNKNOWN");
  assert.equal(attempts.length, 1);
});
