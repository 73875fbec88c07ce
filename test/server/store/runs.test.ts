// Rows of runs on a real Postgres: saved where the generation matches, events without gaps, and a queue whose length costs
// nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { changeRun } from "../../../server/engine/changing.ts";
import type { PoolId, RunId, TenantId } from "../../../server/rules/names.ts";
import { json, readNow } from "../../../server/store/database.ts";
import { appendEvents, eventsAfter } from "../../../server/store/events.ts";
import { queueHead, waitingRoutes } from "../../../server/store/queue.ts";
import { keepRoute } from "../../../server/store/routes.ts";
import { lockRun, saveRun } from "../../../server/store/runs.ts";
import { planOf } from "../../support/explaining.ts";
import { begin, kinds, startRig, TestMachine } from "../engine/rig.ts";

const rig = await startRig();
const { sql } = rig.database;

test("a run that was changed since it was read is not saved", async () => {
  const id = await begin(rig);
  const stale = await sql.begin((tx) => lockRun(tx, id));
  assert.ok(stale !== undefined);
  const save = () =>
    sql.begin(async (tx) => saveRun(tx, stale, stale.run, { events: 0, attemptCount: 0, now: await readNow(tx) }));
  await save();
  await assert.rejects(save, /changed by somebody else/);
});

test("events of twenty changers at once are numbered from 1 without a gap, and read after any number (G8)", async () => {
  const id = await begin(rig);
  const add = () =>
    sql.begin(async (tx) => {
      const locked = await lockRun(tx, id);
      assert.ok(locked !== undefined);
      const now = await readNow(tx);
      const two = [{ kind: "REQUEUED" }, { kind: "CANCEL_REQUESTED" }] as const;
      await saveRun(tx, locked, locked.run, { events: two.length, attemptCount: 0, now });
      await appendEvents(tx, id, locked.lastEvent, two, now);
    });
  await Promise.all(Array.from({ length: 20 }, add));
  assert.equal((await kinds(rig, id)).length, 41);
  const after = await eventsAfter(sql, rig.tenantId, id, 39, 100);
  assert.deepEqual(
    after.map((event) => event.number),
    [40, 41],
  );
  assert.equal((await eventsAfter(sql, "00000000-0000-7000-8000-000000000000" as TenantId, id, 0, 100)).length, 0);
});

test("of many cancels at once one changes the run", async () => {
  const id = await begin(rig);
  const changed = await Promise.all(
    Array.from({ length: 10 }, () => changeRun(rig.context, id, { is: "cancel-requested" })),
  );
  assert.equal(changed.filter(Boolean).length, 1);
  assert.deepEqual(await kinds(rig, id), ["QUEUED", "CANCEL_REQUESTED", "ENDED"]);
});

test("a machine has one live lease, whoever inserts the second (G1)", async () => {
  const machine = await TestMachine.enrol(rig);
  const lease = () => sql`
    insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
    values (gen_random_uuid(), ${rig.tenantId}, ${machine.id}, 'service', 1, now(), now())`;
  const results = await Promise.allSettled(Array.from({ length: 5 }, lease));
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  await sql`update leases set ended_at = now() where machine_id = ${machine.id}`;
  await lease();
});

test("text that holds NUL does not get into a column, and the transaction leaves nothing behind", async () => {
  const id = await begin(rig);
  await assert.rejects(sql`update runs set inputs = ${json({ text: "a\0" })}::jsonb where id = ${id}`);
  assert.equal((await sql`select inputs from runs where id = ${id}`)[0]?.["inputs"]["text"], "hello");
});

test("the head of a queue of 50,000 runs is read by the index, from every route, without a scan", async () => {
  const first: RunId = await begin(rig);
  const { poolId, tenantId, routes } = await manyRoutes(first, 5);
  const route = (place: string) => `(array[${routes.map((id) => `'${id}'::uuid`).join(",")}])[1 + ${place} % 5]`;
  await sql`insert into runs select x.* from runs r, generate_series(1, 50000) n, jsonb_populate_record(r,
      jsonb_build_object('id', gen_random_uuid(), 'route_id', ${sql.unsafe(route("n"))}, 'priority', n % 3)) x
    where r.id = ${first}`;
  await sql`analyze runs`;
  const waiting = await waitingRoutes(sql, poolId, "queued");
  assert.equal(waiting.length, 6);
  const fitting = waiting.map(({ id }) => ({ route: id, offers: [] }));
  const head = await queueHead(sql, poolId, fitting, 32, await readNow(sql));
  const counts = Object.groupBy(head, (run) => run.route);
  assert.equal(Object.keys(counts).length, 6);
  const ofOne = head.filter((run) => run.route === routes[0]);
  assert.equal(ofOne.length, 32);
  assert.ok(ofOne.every((run) => run.priority === 2));
  assert.deepEqual(
    ofOne.map(({ id }) => id),
    ofOne.map(({ id }) => id).toSorted(),
  );
  const plans = await Promise.all([
    planOf(sql, "with recursive", (query) => waitingRoutes(query, poolId, "queued")),
    planOf(sql, "select head", async (query) => queueHead(query, poolId, fitting, 32, await readNow(sql))),
  ]);
  for (const plan of plans) {
    assert.match(plan, /runs_queue/);
    assert.doesNotMatch(plan, /Seq Scan on runs|Sort/);
  }
  await sql`delete from runs where tenant_id = ${tenantId} and id <> ${first} and not exists (
    select 1 from events where run_id = runs.id)`;
});

/** Routes beside the one of this run. */
async function manyRoutes(of: RunId, count: number) {
  const [row] = await sql<
    { poolId: PoolId; tenantId: TenantId }[]
  >`select pool_id, tenant_id from runs where id = ${of}`;
  assert.ok(row);
  const requirement = { application: "notes", labels: [] };
  const callers = Array.from({ length: count }, (_, n) => `caller ${n}`);
  const routes = await Promise.all(
    callers.map((caller) =>
      keepRoute(sql, row.tenantId, { poolId: row.poolId, workflow: "notes.save", caller, requirement }),
    ),
  );
  return { ...row, routes };
}
