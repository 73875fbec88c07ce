// Machines on which everything fails, among others, on a real Postgres. Times that have to pass are moved in the rows.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { placeAll } from "../../../server/engine/placing.ts";
import { limits } from "../../../server/rules/limits.ts";
import { quarantinesMax } from "../../../server/rules/quarantine.ts";
import { keepOffer } from "../../../server/store/offers.ts";
import { copyRun, manyMachines } from "./many.ts";
import { begin, clear, put, startRig, type TestMachine, workflowSource } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
// Tried once: a retry waits for the workflow's budget, and no two would fail at the same instant.
await put(rig, workflowSource.replace("notes.save", "notes.broken").replace("attempts: 2", "attempts: 1"));

beforeEach(async () => {
  await clear(rig);
  await sql`delete from retry_budgets`;
});

const isBusy = async (machine: TestMachine) => (await machine.status()) === "busy";

/** The run on the machine fails in its first step. */
async function fail(machine: TestMachine): Promise<void> {
  await machine.upTo("write");
  await machine.report({ failure: { category: "APP_CRASHED", message: "" }, input: "none" });
  assert.equal(await machine.status(), "idle");
}

/** The run on the machine succeeds. */
async function succeed(machine: TestMachine): Promise<void> {
  for (let turn = 0; (await machine.report()).lease !== undefined; turn++) assert.ok(turn < 10);
}

/** How long the machine is still quarantined. */
async function quarantinedMs({ id }: TestMachine): Promise<number> {
  const [row] = await sql<{ ms: number }[]>`
    select coalesce(extract(epoch from quarantined_until - clock_timestamp()) * 1000, 0)::double precision as ms
    from machines where id = ${id}`;
  return Math.max(0, row?.ms ?? 0);
}

const quarantined = async () =>
  (await sql`select id from machines where status <> 'offline' and quarantined_until > clock_timestamp()`).length;

/** Its time is over. */
const due = ({ id }: TestMachine) =>
  sql`update machines set quarantined_until = clock_timestamp() - interval '1 ms' where id = ${id}`;

/** Whether it gets one of the runs that wait. */
async function isPlaced(machine: TestMachine): Promise<boolean> {
  await placeAll(rig.context);
  return await isBusy(machine);
}

test("one machine of a hundred on which every run fails at once takes three, is passed over, and gets one as a probe later", async () => {
  const [poisoned, ...others] = (await manyMachines(rig, 100)) as [TestMachine, ...TestMachine[]];
  await copyRun(rig, await begin(rig), 199);
  await placeAll(rig.context);
  assert.equal((await sql`select id from machines where status = 'busy'`).length, 100);
  // It is the only one that is idle, again and again.
  let taken = 0;
  for (; taken < 10 && (await isPlaced(poisoned)); taken++) await fail(poisoned);
  assert.equal(taken, 3);
  const first = await quarantinedMs(poisoned);
  assert.ok(first > limits.quarantineMs * 0.5 && first <= limits.quarantineMs);
  // Nobody is held up by it: whoever becomes free gets a run.
  for (const other of others.slice(0, 3)) {
    await succeed(other);
    assert.ok(await isPlaced(other));
    assert.ok(!(await isBusy(poisoned)));
  }

  await due(poisoned);
  assert.ok(await isPlaced(poisoned));
  await fail(poisoned);
  assert.ok(!(await isPlaced(poisoned)));
  const second = await quarantinedMs(poisoned);
  assert.ok(second > limits.quarantineMs * 1.5 && second <= limits.quarantineMs * 2);

  // Repaired.
  await due(poisoned);
  assert.ok(await isPlaced(poisoned));
  await succeed(poisoned);
  for (let failures = 0; failures < 2; failures++) {
    assert.ok(await isPlaced(poisoned));
    await fail(poisoned);
  }
  assert.ok(await isPlaced(poisoned));
  const [row] = await sql`select quarantines, quarantined_until from machines where id = ${poisoned.id}`;
  assert.deepEqual({ ...row }, { quarantines: 0, quarantinedUntil: null });
});

test("a workflow that fails everywhere takes no more than a quarter of the machines away, and others go on", async () => {
  const machines = await manyMachines(rig, 12);
  const most = quarantinesMax(machines.length);
  assert.equal(most, 3);
  await copyRun(rig, await begin(rig, { workflow: "notes.broken", caller: "ann" }), 39);
  const good = await Promise.all(Array.from({ length: 8 }, () => begin(rig, { caller: "bob" })));
  const outcomes = async () =>
    (await sql<{ outcome: string }[]>`select outcome from runs where id = any(${good}::uuid[])`).map((r) => r.outcome);
  let reached = 0;
  for (let round = 0; round < 8; round++) {
    await placeAll(rig.context);
    const broken = await sql<{ machineId: string }[]>`
      select a.machine_id from attempts a join runs r on r.id = a.run_id
      where a.ended_at is null and r.workflow = 'notes.broken'`;
    const fails = new Set(broken.map(({ machineId }) => machineId));
    // All at the same time.
    await Promise.all(
      machines.map(async (machine) => {
        if (await isBusy(machine)) await (fails.has(machine.id) ? fail(machine) : succeed(machine));
      }),
    );
    const now = await quarantined();
    assert.ok(now <= most, `${now} of ${machines.length}`);
    reached = Math.max(reached, now);
  }
  assert.equal(reached, most);
  assert.deepEqual(
    await outcomes(),
    good.map(() => "SUCCEEDED"),
  );
});

test("of many machines that fail once too often at the same instant, a quarter is quarantined", async () => {
  const machines = await manyMachines(rig, 12);
  await copyRun(rig, await begin(rig, { workflow: "notes.broken" }), 11);
  await placeAll(rig.context);
  await Promise.all(machines.map((machine) => machine.upTo("write")));
  await sql`update machines set failures_in_a_row = ${limits.quarantineAfter - 1} where status = 'busy'`;
  await Promise.all(machines.map(fail));
  assert.equal(await quarantined(), quarantinesMax(machines.length));
});

test("a failed probe is over where it may not be quarantined again: the machine is no run's first choice, nor warm", async () => {
  const [probed, ...others] = (await manyMachines(rig, 4)) as [TestMachine, ...TestMachine[]];
  // Its time is over, and another one's is not: there may be one of four.
  await sql`update machines set quarantines = 1, failures_in_a_row = 3 where id = ${probed.id}`;
  await due(probed);
  const [other] = others as [TestMachine];
  await sql`update machines set quarantines = 1, quarantined_until = now() + interval '1 hour' where id = ${other.id}`;
  await begin(rig);
  assert.ok(await isPlaced(probed));
  await fail(probed);
  assert.equal(await quarantined(), 1);
  const [row] = await sql`select quarantined_until, warm from machines where id = ${probed.id}`;
  assert.deepEqual({ ...row }, { quarantinedUntil: null, warm: {} });
  // Tried again, it goes to one of the two that are free; so does the next.
  await begin(rig);
  assert.ok(!(await isPlaced(probed)));
});

test("of the machines that have the application one stays, however many have not", async () => {
  const [first, second] = (await manyMachines(rig, 8)) as [TestMachine, TestMachine];
  const without = await keepOffer(sql, { applications: [{ name: "sums", version: "1" }], labels: {} });
  await sql`
    update machines set offer_id = ${without}, applications = '{sums}'
    where status = 'idle' and id <> all(${[first.id, second.id]}::uuid[])`;
  await sql`update machines set failures_in_a_row = ${limits.quarantineAfter - 1} where status = 'idle'`;
  await copyRun(rig, await begin(rig, { workflow: "notes.broken" }), 3);
  await placeAll(rig.context);
  await fail(first);
  await fail(second);
  assert.equal(await quarantined(), 1);
});
