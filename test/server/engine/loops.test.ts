// The loops of an engine: they look by themselves, so that a lost wake-up costs no more than a moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { v7 as uuid } from "uuid";
import { startEngine } from "../../../server/engine/engine.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import { begin, clocks, memoryBlobs, silentLog, startRig, TestMachine, told } from "./rig.ts";

const rig = await startRig();
const { database } = rig;
const withinMs = 1_000;

test("what no wake-up tells of is seen within a second: a run that waits, and one whose time is over (G7)", async (t) => {
  // Nobody is woken.
  const wakeup = { ...rig.wakeup, subscribe: () => () => {} };
  const identity = { replicaId: uuid() as ReplicaId, agentAddress: "http://one" };
  const engine = await startEngine({ database, wakeup, blobs: memoryBlobs(), clocks, ...identity, log: silentLog });
  t.after(() => engine.stop());
  await until("its first pass is over", async () => (await database.sql`select 1 from service`).length > 0);
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  await until("it is placed", async () => (await told(rig, run)) === "running", withinMs);
  assert.equal(await machine.status(), "busy");
  const late = await begin(rig, { queueTimeoutMs: 1 });
  await until("it expires", async () => (await told(rig, late)) === "EXPIRED BEFORE_COMMIT", withinMs);
});
