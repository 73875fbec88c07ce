// The database ends under load and is started again, as an administrator would do it and by kill -9: G1, G5.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../support/product.ts";
import { assertAllGapless, endsOf, Fleet, followAll } from "./fleet.ts";
import { assertEachOnce, type Note, note } from "./journal.ts";
import { tellRecovery } from "./recovery.ts";

const machines = 30;
const runs = 90;

let fleet: Fleet;
const asked: Note[] = [];

before(async () => {
  fleet = await Fleet.start({ replicas: 2, machines, inputMs: 100 });
});

after(() => fleet?.stop());

for (const [how, signal] of [
  ["is restarted", "SIGINT"],
  ["is killed and comes back", "SIGKILL"],
] as const) {
  test(`when Postgres ${how} under load, every run goes on and is done once`, async (t) => {
    const notes = Array.from({ length: runs }, (_, i) => note(asked.length + i, 60));
    const typedBefore = Math.max(0, ...[...fleet.journals().values()].map((journal) => journal.length));
    asked.push(...notes);
    const started = await fleet.startRuns(notes);
    const over = followAll(started);
    await fleet.typing(machines / 2, typedBefore + 1);
    const downAt = performance.now();
    await fleet.postgres.down(signal);
    await fleet.postgres.up();
    const late = note(asked.length, 30);
    asked.push(late);
    let fault: unknown;
    const start = () =>
      fleet.startRuns([late]).catch((error) => {
        fault = error;
        return undefined;
      });
    const [lateRun] = await until("a run can be started", start, 30_000).catch((error) =>
      assert.fail(`${error}
${fault}
${fleet.tell()}`),
    );
    assert.ok(lateRun !== undefined);
    tellRecovery(t, `Postgres ${how}, a run is taken`, performance.now() - downAt);
    assertAllGapless(await over);
    assertAllGapless(await followAll([lateRun]));
    tellRecovery(t, `Postgres ${how}, all ${runs} runs done`, performance.now() - downAt);
    const { notSucceeded, attempts } = await endsOf([...started, lateRun]);
    assert.deepEqual(notSucceeded, [], fleet.tell());
    assert.ok(
      attempts.every((count) => count === 1),
      "nothing was handed on",
    );
    assertEachOnce(fleet.journals(), asked);
  });
}
