// What is told of a waiting run on a real Postgres, without loops: recomputed each time (G7), of one tenant only (G12), nothing of
// its inputs (G11), its place and when a machine is free; and what no machine offers, at start.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cordonMachine } from "../../../server/engine/cordoning.ts";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import { explainRun } from "../../../server/engine/explaining.ts";
import { moveRunToFront } from "../../../server/engine/moving.ts";
import { pause } from "../../../server/engine/pausing.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { startRun } from "../../../server/engine/starting.ts";
import type { RunId } from "../../../server/rules/names.ts";
import {
  anotherReplica,
  anotherTenant,
  begin,
  clear,
  put,
  type Rig,
  startRig,
  TestMachine,
  told,
  workflowSource,
} from "./rig.ts";

const shared = await startRig();
const { sql } = shared.database;
beforeEach(() => clear(shared));

const explained = async ({ context, tenantId }: Rig, run: RunId) => {
  const explanation = await explainRun(context, tenantId, run);
  assert.ok(typeof explanation === "object", `${explanation}`);
  return explanation;
};
const reasons = async (rig: Rig, run: RunId) =>
  (await explained(rig, run)).causes.map(({ reason, machines }) => `${reason} ${machines}`);

test("it is told from the present at each call, never what was true before (G7)", async () => {
  const rig = await anotherTenant(shared);
  const run = await begin(rig);
  assert.deepEqual(await reasons(rig, run), []);
  assert.equal((await explained(rig, run)).unmet, "no machine in pool default offers notes");
  const machine = await TestMachine.idle(rig);
  assert.equal((await explained(rig, run)).unmet, "");
  await cordonMachine(rig.context, rig.tenantId, machine.id, { is: "cordon" });
  assert.deepEqual(await reasons(rig, run), ["CORDONED 1"]);
  await cordonMachine(rig.context, rig.tenantId, machine.id, { is: "uncordon" });
  assert.deepEqual(await reasons(rig, run), []);
  await placeAll(rig.context);
  assert.equal(await explainRun(rig.context, rig.tenantId, run), "not-waiting");
});

test("another tenant's runs, machines and pauses are none of its affair (G12), and inputs are never told (G11)", async () => {
  const [mine, theirs] = [await anotherTenant(shared), await anotherTenant(shared)];
  await TestMachine.idle(theirs);
  for (let n = 0; n < 3; n++) await begin(theirs, { priority: 9 });
  const held = { kind: "workflow", name: "notes.save", reason: "", by: "them" } as const;
  assert.ok((await pause(theirs.context, theirs.tenantId, held)).ok);
  const [away] = await Promise.all([TestMachine.enrol(mine), TestMachine.enrol(mine)]);
  // From before there were offers; the other one has never been attached.
  await sql`update machines set applications = '{notes}' where id = ${away.id}`;
  const run = await begin(mine, { inputs: { text: "Jane Doe" } });
  assert.equal(await explainRun(theirs.context, theirs.tenantId, run), undefined);
  const { causes, fleet, place, nearest } = await explained(mine, run);
  assert.deepEqual(
    causes.map(({ reason, machines }) => [reason, machines]),
    [
      ["APPLICATION_MISSING", 1],
      ["OFFLINE", 1],
    ],
  );
  assert.deepEqual([fleet, place, nearest.map(({ machine }) => machine)], [2, 1, [away.name]]);
  assert.doesNotMatch(JSON.stringify(await explained(mine, run)), /Jane/);
  await revokeMachine(mine.context, mine.tenantId, away.id);
  assert.equal((await explained(mine, run)).fleet, 1);
});

test("its place is the one at which it is placed: by front, priority and turns", async () => {
  const rig = await anotherTenant(shared);
  const machine = await TestMachine.idle(rig);
  await begin(rig);
  await placeAll(rig.context);
  const runs = {
    ann1: await begin(rig, { caller: "ann" }),
    ann2: await begin(rig, { caller: "ann" }),
    ann3: await begin(rig, { caller: "ann" }),
    bob1: await begin(rig, { caller: "bob" }),
    bob2: await begin(rig, { caller: "bob" }),
    urgent: await begin(rig, { caller: "ann", priority: 5 }),
    front: await begin(rig, { caller: "cyd", priority: -5 }),
  };
  assert.ok((await moveRunToFront(rig.context, rig.tenantId, runs.front)).ok);
  const places = await Promise.all(
    Object.entries(runs).map(async ([name, run]) => [(await explained(rig, run)).place, name] as const),
  );
  const foretold = places.toSorted(([a], [b]) => a - b);
  assert.deepEqual(
    foretold.map(([place]) => place),
    [1, 2, 3, 4, 5, 6, 7],
  );
  const order: string[] = [];
  while (order.length < 7) {
    while ((await machine.wish()).wanted.lease !== undefined) await machine.report();
    await placeAll(rig.context);
    for (const [name, run] of Object.entries(runs)) {
      if ((await told(rig, run)) === "running") order.push(name);
    }
  }
  assert.deepEqual(
    order,
    foretold.map(([, name]) => name),
  );
});

test("a busy machine is expected free when its workflow's last runs would be done, and by its run's deadline", async () => {
  const rig = await anotherTenant(shared);
  const machine = await TestMachine.idle(rig);
  for (let n = 0; n < 3; n++) {
    await begin(rig);
    await placeAll(rig.context);
    while ((await machine.wish()).wanted.lease !== undefined) await machine.report();
  }
  // As if they had taken 20, 30 and 90 seconds.
  await sql`
    update runs set started_at = ended_at - took * interval '1 second'
    from (select id, (array[20, 30, 90])[row_number() over (order by id)] as took from runs
          where tenant_id = ${rig.tenantId}) known
    where known.id = runs.id`;
  const busy = await begin(rig);
  await placeAll(rig.context);
  const run = await begin(rig);
  const [{ at } = assert.fail()] = await sql<
    { at: number }[]
  >`select started_at as at from attempts where run_id = ${busy}`;
  const { nearest, nextFree } = await explained(rig, run);
  assert.deepEqual(nearest, [{ machine: machine.name, reason: "BUSY", detail: "", expected: at + 30_000 }]);
  assert.equal(nextFree, at + 30_000);
  await sql`update runs set deadline_at = ${at + 25_000}::timestamptz where id = ${busy}`;
  assert.equal((await explained(rig, run)).nextFree, at + 25_000);
});

test("a start says what it requires and no machine of its pool offers; and again when it is asked for again", async () => {
  const rig = await anotherTenant(shared);
  await TestMachine.idle(rig);
  const source = `${workflowSource.replace("notes.save", "picky")}requires: { version: ">=2 <3" }\n`;
  await put(rig, source);
  const start = async (workflow: string, idempotencyKey = "", context = rig.context) => {
    const request = { workflow, workflowVersion: 0, caller: "ann", inputs: { text: "" }, idempotencyKey };
    const answer = await startRun(context, rig.tenantId, request);
    assert.ok(answer.ok);
    return [answer.value.existed, answer.value.unmet];
  };
  const unmet = "no machine in pool default offers notes in a version >=2 <3";
  assert.deepEqual(await start("picky", "once"), [false, unmet]);
  assert.deepEqual(await start("picky", "once"), [true, unmet]);
  assert.deepEqual(await start("notes.save"), [false, ""]);
  const newer = await TestMachine.enrol(rig);
  newer.inventory = { ...newer.inventory, applications: [{ name: "notes", version: "2.4" }] };
  await newer.attach();
  // A replica may not know it for a second; one that has just started does.
  assert.deepEqual(await start("picky", "", await anotherReplica(rig)), [false, ""]);
});
