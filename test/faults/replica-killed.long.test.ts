// kill -9 of one of three replicas under load, with 50 machines: G1, G5, G9.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../support/product.ts";
import { assertAllGapless, endsOf, Fleet, followAll } from "./fleet.ts";
import { assertEachOnce, note } from "./journal.ts";
import { recoversWithin, tellRecovery } from "./recovery.ts";

const machines = 50;
const runs = 200;

let fleet: Fleet;

before(async () => {
  fleet = await Fleet.start({ replicas: 3, machines, inputMs: 100 });
});

after(() => fleet?.stop());

test("a killed replica's machines go on at the others, and no run notices", async (t) => {
  const [killed] = fleet.servers;
  assert.ok(killed !== undefined);
  const notes = Array.from({ length: runs }, (_, i) => note(i, 60));
  const started = await fleet.startRuns(notes);
  const over = followAll(started);
  await fleet.typing(machines, 1);
  const killedAt = Date.now();
  await killed.kill();
  const noticing = (at: number) => at >= killedAt && at < killedAt + 10_000;
  const cutOff = () => fleet.machines.filter((machine) => machine.said("the stream ended").some(noticing));
  await until("its machines notice", () => cutOff().length > 0, 10_000);
  assertAllGapless(await over);
  tellRecovery(t, "one of three replicas killed, all 200 runs done", Date.now() - killedAt);
  const againAt = cutOff().map((machine) => machine.said("attached").find((at) => at >= killedAt) ?? assert.fail());
  recoversWithin(
    t,
    15_000,
    "one of three replicas killed, its machines attached",
    ...againAt.map((at) => at - killedAt),
  );
  const { notSucceeded, attempts } = await endsOf(started);
  assert.deepEqual(notSucceeded, [], fleet.tell());
  assert.ok(
    attempts.every((count) => count === 1),
    "nothing was handed on",
  );
  assertEachOnce(fleet.journals(), notes);
});
