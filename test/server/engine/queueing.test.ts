// What callers and operators say of a run's turn, on a real Postgres: not before a time, and before all others. And a machine that
// was passed over and is given its turn again.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { v7 as uuid } from "uuid";
import { silent, takeOver } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { cordonMachine } from "../../../server/engine/cordoning.ts";
import { startEngine } from "../../../server/engine/engine.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { moveRunToFront } from "../../../server/engine/moving.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { OfferId, PoolId, ReplicaId, RouteId, RunId } from "../../../server/rules/names.ts";
import { readNow } from "../../../server/store/database.ts";
import { readMachineView } from "../../../server/store/machine-reads.ts";
import { makeDue, poolsToPlace, queueHead, unsettledHead, waitingRoutes } from "../../../server/store/queue.ts";
import { listRuns, readRunView } from "../../../server/store/run-reads.ts";
import { until } from "../../agent/desktop/until.ts";
import { planOf } from "../../support/explaining.ts";
import {
  anotherTenant,
  begin,
  clear,
  clocks,
  kinds,
  memoryBlobs,
  silentLog,
  startRig,
  TestMachine,
  told,
} from "./rig.ts";

const rig = await startRig();
const { context, tenantId, database } = rig;
const { sql } = database;

beforeEach(() => clear(rig));

const toFront = (id: RunId) => moveRunToFront(context, tenantId, id);

/** A machine is freed, again and again: the runs in the order in which they are placed. */
async function order(runs: readonly RunId[]): Promise<number[]> {
  const placed: number[] = [];
  while (placed.length < runs.length) {
    await TestMachine.idle(rig);
    await placeAll(context);
    const states = await Promise.all(runs.map((run) => told(rig, run)));
    const next = states.findIndex((state, index) => state === "running" && !placed.includes(index));
    if (next < 0) return placed;
    placed.push(next);
  }
  return placed;
}

test("a run that was moved to the front goes before those of higher priority and of other callers, the last one moved first", async () => {
  const runs = [
    await begin(rig, { priority: 9, caller: "ward" }),
    await begin(rig, { caller: "bulk" }),
    await begin(rig, { caller: "bulk", priority: -5 }),
    await begin(rig, { caller: "desk" }),
  ] as const;
  assert.deepEqual(await toFront(runs[2]), { ok: true, value: runs[2] });
  assert.ok((await toFront(runs[1])).ok);
  assert.ok((await readRunView(sql, tenantId, runs[2]))?.front);
  assert.deepEqual(await kinds(rig, runs[1]), ["QUEUED", "MOVED_TO_FRONT"]);
  assert.deepEqual(await order(runs), [1, 2, 0, 3]);
});

test("a run that was moved to the front is still there when it is queued again", async () => {
  const machine = await TestMachine.idle(rig);
  const moved = await begin(rig);
  assert.ok((await toFront(moved)).ok);
  await placeAll(context);
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await told(rig, moved), "queued");
  assert.ok((await readRunView(sql, tenantId, moved))?.front);
  const urgent = await begin(rig, { priority: 9 });
  assert.deepEqual(await order([urgent, moved]), [1, 0]);
});

test("to move a run again changes nothing while it is the first, and puts it before those that were moved since", async () => {
  const runs = [await begin(rig), await begin(rig), await begin(rig)] as const;
  assert.ok((await toFront(runs[1])).ok && (await toFront(runs[1])).ok);
  assert.deepEqual(await kinds(rig, runs[1]), ["QUEUED", "MOVED_TO_FRONT"]);
  assert.ok((await toFront(runs[2])).ok && (await toFront(runs[1])).ok);
  assert.deepEqual(await kinds(rig, runs[1]), ["QUEUED", "MOVED_TO_FRONT", "MOVED_TO_FRONT"]);
  assert.deepEqual(await order(runs), [1, 2, 0]);
});

test("moves by twenty at once get twenty places", async () => {
  const runs = await Promise.all(Array.from({ length: 20 }, () => begin(rig)));
  const moved = await Promise.all(runs.map(toFront));
  assert.ok(moved.every(({ ok }) => ok));
  const fronts = await sql<{ front: number }[]>`select front from runs where id = any(${runs}::uuid[])`;
  assert.equal(new Set(fronts.map(({ front }) => front)).size, 20);
});

test("what does not wait is not moved, and nobody's run is another tenant's (G12)", async () => {
  await TestMachine.idle(rig);
  const [placed, cancelled, waiting] = [await begin(rig), await begin(rig), await begin(rig)];
  await cancelRun(context, tenantId, cancelled);
  await placeAll(context);
  assert.equal(await told(rig, placed), "running");
  for (const run of [placed, cancelled]) {
    const refused = await toFront(run);
    assert.ok(!refused.ok && refused.refusal.reason === "RUN_NOT_WAITING");
  }
  const other = await anotherTenant(rig);
  for (const [tenant, run] of [
    [other.tenantId, waiting],
    [tenantId, uuid() as RunId],
  ] as const) {
    const refused = await moveRunToFront(context, tenant, run);
    assert.ok(!refused.ok && refused.refusal.reason === "RUN_NOT_FOUND");
  }
  assert.deepEqual(await kinds(rig, waiting), ["QUEUED"]);
});

test("of the runs that are to be verified, too, the one that was moved to the front goes first", async () => {
  const machine = await TestMachine.idle(rig);
  const runs = await Promise.all(Array.from({ length: 3 }, () => begin(rig)));
  const last = runs.toSorted().at(-1) as RunId;
  const unsettled = { attemptId: uuid(), machineId: uuid(), ending: { is: "cancelled" }, commitsBegun: 1, on: "any" };
  await sql`update runs set state = 'unsettled', unsettled = ${JSON.stringify(unsettled)}::jsonb
    where id = any(${runs}::uuid[])`;
  assert.ok((await toFront(last)).ok);
  const [{ poolId, routeId, offerId } = missing()] = await sql<
    { poolId: PoolId; routeId: RouteId; offerId: OfferId }[]
  >`
    select r.pool_id, r.route_id, m.offer_id from runs r, machines m where r.id = ${last} and m.id = ${machine.id}`;
  const head = await unsettledHead(sql, poolId, [{ route: routeId, offers: [offerId] }], 1, await readNow(sql));
  assert.deepEqual(
    head.map(({ id }) => id),
    [last],
  );
});

const missing = (): never => assert.fail("a row is missing");

test("runs are listed by who started them, with their pool", async () => {
  const mine = await begin(rig, { caller: "night shift" });
  await begin(rig, { caller: "day shift" });
  const listed = await listRuns(sql, tenantId, { caller: "night shift" }, undefined, 10);
  assert.deepEqual(
    listed.map(({ id, caller, pool }) => [id, caller, pool]),
    [[mine, "night shift", "default"]],
  );
});

test("a run begins within a second of its time, and not before (G7)", async (t) => {
  const identity = { replicaId: uuid() as ReplicaId, agentAddress: "http://one" };
  const options = { database, wakeup: rig.wakeup, blobs: memoryBlobs(), clocks, ...identity, log: silentLog };
  const engine = await startEngine(options);
  t.after(() => engine.stop());
  await TestMachine.idle(rig);
  const later = (await readNow(sql)) + 3_600_000;
  const run = await begin(rig, { notBefore: later });
  assert.equal((await readRunView(sql, tenantId, run))?.notBeforeAt, later);
  // Its time is brought near only now: however long starting it took, its time is still to come.
  const [{ at: notBefore } = missing()] = await sql<{ at: number }[]>`
    update runs set not_before_at = now() + interval '700 ms' where id = ${run} returning not_before_at as at`;
  await until("it runs", async () => (await told(rig, run)) === "running");
  const [begun = missing()] = await sql<{ at: number }[]>`select started_at as at from attempts where run_id = ${run}`;
  assert.ok(begun.at >= notBefore && begun.at < notBefore + 1_000, `${begun.at - notBefore} ms after its time`);
  assert.equal((await readRunView(sql, tenantId, run))?.notBeforeAt, null);
});

test("the wait of a run for a machine is counted from its time on; one whose time is past has none", async () => {
  const now = await readNow(sql);
  const [later, past] = [
    await begin(rig, { notBefore: now + 3_600_000, queueTimeoutMs: 60_000 }),
    await begin(rig, { notBefore: now - 3_600_000, queueTimeoutMs: 60_000 }),
  ];
  const [row = missing()] = await sql<{ at: number }[]>`select deadline_at as at from runs where id = ${later}`;
  assert.equal(row.at, now + 3_660_000);
  assert.equal((await readRunView(sql, tenantId, past))?.notBeforeAt, null);
  await sql`update runs set deadline_at = deadline_at - interval '3661 s', not_before_at = not_before_at - interval '1 h'
    where id = ${later}`;
  await TestMachine.idle(rig);
  await expireAll(context);
  await placeAll(context);
  assert.equal(await told(rig, later), "EXPIRED BEFORE_COMMIT");
  assert.equal(await told(rig, past), "running");
});

test("10,000 runs of high priority whose time has not come cost placing nothing: no statement of it looks at them", async () => {
  await TestMachine.idle(rig);
  const run = await begin(rig);
  const [{ poolId, routeId } = missing()] = await sql<{ poolId: PoolId; routeId: RouteId }[]>`
    select pool_id, route_id from runs where id = ${run}`;
  const now = await readNow(sql);
  await sql`insert into runs select x.* from runs r, generate_series(1, 10000) n, jsonb_populate_record(r,
      jsonb_build_object('id', gen_random_uuid(), 'priority', 100, 'due', false,
        'not_before_at', ${now + 3_600_000}::timestamptz + n * interval '1 ms')) x
    where r.id = ${run}`;
  await sql`analyze runs`;
  const fitting = [{ route: routeId, offers: [] }];
  const plans = await Promise.all([
    planOf(sql, "select p.id", poolsToPlace, "analyze"),
    planOf(sql, "with recursive", (query) => waitingRoutes(query, poolId, "queued"), "analyze"),
    planOf(sql, "select head", (query) => queueHead(query, poolId, fitting, 32, now), "analyze"),
  ]);
  for (const plan of plans) {
    assert.match(plan, /runs_queue/);
    assert.doesNotMatch(plan, /Seq Scan on runs/);
    for (const [, rows] of plan.matchAll(/ on runs.*actual .*rows=(\d+)/g)) assert.ok(Number(rows) <= 1, plan);
    assert.doesNotMatch(plan, /Rows Removed by Filter: \d{3}/);
  }
  const due = await planOf(sql, "update runs set due", (query) => makeDue(query, now), "analyze");
  assert.match(due, /Index Scan using runs_not_due.*actual .*rows=0/);
  assert.doesNotMatch(due, /Seq Scan|Rows Removed/);
  await placeAll(context);
  assert.equal(await told(rig, run), "running");
  await sql`delete from runs where not due`;
});

test("a quarantined machine that is uncordoned is given runs at once, and what its attempts were like is still known", async () => {
  const machine = await TestMachine.idle(rig);
  await sql`update machines set failures_in_a_row = 4, failure_rate = 0.6, quarantines = 2, warm = '{"notes": 1, "ehr": 2}',
    quarantined_until = now() + interval '1 hour' where id = ${machine.id}`;
  const run = await begin(rig);
  await placeAll(context);
  assert.equal(await told(rig, run), "queued");
  const before = await readMachineView(sql, tenantId, machine.name);
  assert.ok(before?.quarantinedUntil);
  assert.deepEqual([before.failuresInARow, before.warmApplications], [4, ["ehr", "notes"]]);
  assert.ok((await cordonMachine(context, tenantId, machine.id, { is: "uncordon" })).ok);
  const after = await readMachineView(sql, tenantId, machine.name);
  assert.deepEqual([after?.quarantinedUntil, after?.failuresInARow], [null, 0]);
  await placeAll(context);
  assert.equal(await told(rig, run), "running");
  const [row] = await sql`select failure_rate, quarantines from machines where id = ${machine.id}`;
  assert.deepEqual({ ...row }, { failureRate: 0.6, quarantines: 0 });
});

test("a machine whose quarantine is over is not told of as quarantined", async () => {
  const machine = await TestMachine.idle(rig);
  await sql`update machines set quarantined_until = now() - interval '1 ms' where id = ${machine.id}`;
  assert.equal((await readMachineView(sql, tenantId, machine.name))?.quarantinedUntil, null);
});
