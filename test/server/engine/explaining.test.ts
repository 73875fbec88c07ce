// Why a run waits, on a real Postgres with the engine's loops running (G7): for every reason, that reason alone holds a run, it
// is the one that is told, it is taken away through the product, and the run begins within a second.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { v7 as uuid } from "uuid";
import { WaitReasonSchema } from "../../../proto/gen/drover/v1/explanation_pb.ts";
import { startEngine } from "../../../server/engine/engine.ts";
import { explainRun } from "../../../server/engine/explaining.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { Explanation } from "../../../server/rules/explanation.ts";
import type { ReplicaId, RunId } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import { type Case, cases } from "./held-back.ts";
import { anotherTenant, clocks, memoryBlobs, type Rig, silentLog, startRig, told } from "./rig.ts";

// Before the database goes.
after(() => engine.stop());
const shared = await startRig();
const { database, wakeup } = shared;
const identity = { replicaId: uuid() as ReplicaId, agentAddress: "http://one" };
const engine = await startEngine({ database, wakeup, blobs: memoryBlobs(), clocks, ...identity, log: silentLog });

const withinMs = 1_000;
const waits = async (rig: Rig, run: RunId) => ["queued", "unsettled"].includes(await told(rig, run));

async function explained({ tenantId }: Rig, run: RunId): Promise<Explanation> {
  const explanation = await explainRun(engine.context, tenantId, run);
  assert.ok(typeof explanation === "object", `${explanation}`);
  return explanation;
}

const reasons = WaitReasonSchema.values.filter(({ number }) => number !== 0).map(({ localName }) => localName);

test("every reason of the protocol has a case", () => {
  assert.deepEqual(Object.keys(cases).sort(), [...reasons].sort());
  for (const reason of reasons)
    assert.ok(Object.keys((cases as Record<string, object>)[reason] ?? {}).length > 0, reason);
});

for (const [reason, ways] of Object.entries(cases)) {
  for (const [what, holdBack] of Object.entries<Case>(ways)) {
    test(`${reason}: ${what} holds a run, that is what is told, and without it the run begins within a second`, async () => {
      const rig = await anotherTenant(shared);
      const { run, detail = "", machines, besides, release } = await holdBack(rig);
      const expected = [[reason, detail, machines], ...(besides === undefined ? [] : [[besides[0], "", besides[1]]])];
      const causes = async () =>
        (await explained(rig, run)).causes.map((cause) => [cause.reason, cause.detail, cause.machines]);
      const isSo = async () => isDeepStrictEqual(await causes(), expected);
      await until("that is told", isSo, withinMs).catch(async () => assert.deepEqual(await causes(), expected));
      await placeAll(engine.context);
      assert.ok(await waits(rig, run), "it does not begin while it is held back");
      await release();
      const begun = async () => !(await waits(rig, run));
      await until("it begins", begun, withinMs).catch(async () => assert.fail(JSON.stringify(await causes())));
      assert.equal(await explainRun(engine.context, rig.tenantId, run), "not-waiting");
    });
  }
}
