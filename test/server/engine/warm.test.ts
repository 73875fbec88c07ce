// On a real Postgres: which machine was ready for what of late, and when that is forgotten.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { silent } from "../../../server/engine/attaching.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { begin, clear, startRig, TestMachine, told } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;

beforeEach(() => clear(rig));

/** Two idle machines. The first had a run and is warm, and has been idle for a shorter time. */
async function warmAndCold() {
  const [warm, cold] = [await TestMachine.idle(rig), await TestMachine.idle(rig)];
  await sql`update machines set cordoned_at = now() where id = ${cold.id}`;
  await succeed(warm);
  await sql`update machines set cordoned_at = null, status_since = now() - interval '1 hour' where id = ${cold.id}`;
  return { warm, cold };
}

/** A run from beginning to end on the machine, which is the only one that is free. */
async function succeed(machine: TestMachine): Promise<void> {
  const run = await begin(rig);
  await placeAll(rig.context);
  for (let turn = 0; (await machine.report()).lease !== undefined; turn++) assert.ok(turn < 10);
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
}

/** The one of the two that the next run goes to. */
async function next(machines: { warm: TestMachine; cold: TestMachine }): Promise<string> {
  await begin(rig);
  await placeAll(rig.context);
  const busy = [await machines.warm.status(), await machines.cold.status()];
  return { "busy,idle": "warm", "idle,busy": "cold" }[busy.join()] ?? `? ${busy}`;
}

const warmFor = async (machine: TestMachine) =>
  Object.keys((await sql`select warm from machines where id = ${machine.id}`)[0]?.["warm"]);

test("the machine on which the application was ready of late is preferred to the one that was idle for longer", async () => {
  const machines = await warmAndCold();
  assert.deepEqual([await warmFor(machines.warm), await warmFor(machines.cold)], [["notes"], []]);
  assert.equal(await next(machines), "warm");
});

test("that a machine was ready is forgotten when its agent has started anew", async () => {
  const machines = await warmAndCold();
  await silent(rig.context, machines.warm.id, machines.warm.sessionId, "redials");
  assert.equal((await machines.warm.restart()).is, "admitted");
  assert.deepEqual(await warmFor(machines.warm), []);
  assert.equal(await next(machines), "cold");
});

test("it is remembered when the same agent comes back on another stream", async () => {
  const machines = await warmAndCold();
  assert.equal((await machines.warm.attach()).is, "admitted");
  assert.equal(await next(machines), "warm");
});

test("that a machine was ready is forgotten when it is found not to be, for this application alone", async () => {
  const machines = await warmAndCold();
  await sql`update machines set warm = warm || '{"sums": 1}' where id = ${machines.warm.id}`;
  assert.equal(await next(machines), "warm");
  // The first run's own attempt finds that out. It waits for another machine then, and gets it.
  await machines.warm.report({ verdict: "WRONG_SCREEN" });
  assert.deepEqual(await warmFor(machines.warm), ["sums"]);
  await placeAll(rig.context);
  assert.equal(await machines.cold.status(), "busy");
});

test("a machine whose runs fail is passed over for one that is as warm", async () => {
  const machines = await warmAndCold();
  await sql`update machines set warm = (select warm from machines where id = ${machines.warm.id}), failure_rate = 0.5
    where id = ${machines.cold.id}`;
  assert.equal(await next(machines), "warm");
});
