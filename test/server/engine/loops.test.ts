// The loops of an engine: they look by themselves, so that a lost wake-up costs no more than a moment, and go on after a failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import { v7 as uuid } from "uuid";
import { startEngine } from "../../../server/engine/engine.ts";
import { startLoop } from "../../../server/engine/loop.ts";
import { silentMeter } from "../../../server/engine/meter.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import { begin, clear, clocks, memoryBlobs, silentLog, startRig, TestMachine, told } from "./rig.ts";

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

test("an engine that starts deletes what is kept no longer", async (t) => {
  const run = await begin(rig);
  await clear(rig);
  await database.sql`update runs set ended_at = ended_at - interval '91 days' where id = ${run}`;
  const identity = { replicaId: uuid() as ReplicaId, agentAddress: "http://one" };
  const wakeup = { ...rig.wakeup, subscribe: () => () => {} };
  const engine = await startEngine({ database, wakeup, blobs: memoryBlobs(), clocks, ...identity, log: silentLog });
  t.after(() => engine.stop());
  await until("it is gone", async () => (await database.sql`select 1 from runs where id = ${run}`).length === 0);
});

test("a pass that failed is tried again, and its error is in the log without its words (G11)", async (t) => {
  const logged: unknown[] = [];
  const log = { ...silentLog, warn: (...said: unknown[]) => void logged.push(...said) };
  let passes = 0;
  const loop = startLoop("placing", 1, { log, meter: silentMeter }, async () => {
    passes++;
    const cause = new Error("Key (owner)=(Jane Doe) already exists");
    if (passes === 1) throw Object.assign(new Error("Failed query: params: Jane Doe", { cause }), { code: "23505" });
  });
  t.after(() => loop.stop());
  await until("another pass", () => passes > 1);
  const text = JSON.stringify(logged);
  assert.match(text, /placing.*23505.*loops\.test\.ts/);
  assert.doesNotMatch(text, /Jane/);
});
