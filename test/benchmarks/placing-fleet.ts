// A database with a busy fleet of rows, a queue behind it and a history before it, for the benchmark of placing.
//
// What the fleet does was begun by the engine's own code: machines that were enrolled and attached, runs that were started and
// placed. The queue and the history are copies of such rows in bulk, all of them with what belongs to them, with ids and times
// in order.

import assert from "node:assert/strict";
import { v7 as uuid } from "uuid";
import { attach } from "../../server/engine/attaching.ts";
import { createCatalogue } from "../../server/engine/catalogue.ts";
import type { EngineContext, Log } from "../../server/engine/context.ts";
import { putApplication, putWorkflow } from "../../server/engine/defining.ts";
import { createEnrolmentToken, enrol } from "../../server/engine/enrolling.ts";
import { createInterpreters } from "../../server/engine/interpreters.ts";
import { silentMeter } from "../../server/engine/meter.ts";
import { placeAll } from "../../server/engine/placing.ts";
import { report } from "../../server/engine/reporting.ts";
import { startRun } from "../../server/engine/starting.ts";
import { readWish } from "../../server/engine/wanting.ts";
import { leaseClocks } from "../../server/rules/limits.ts";
import type { AttemptId, MachineId, ReplicaId, RunId, TenantId } from "../../server/rules/names.ts";
import { openStore, type Sql } from "../../server/store/database.ts";
import { renewReplica } from "../../server/store/replicas.ts";

export const machines = 500;
/** Live leases are counted for it at each pass; it is never reached. */
const limit = 100_000;

const application = "application: notes\nlaunch: { command: [notes] }\nready: [ { process: notes } ]\n";
const workflow = (name: string) => `
workflow: ${name}
application: notes
inputs: { type: object, required: [text], properties: { text: { type: string } } }
queue: 7d
steps:
  - { id: write, type: "\${inputs.text}" }
  - { id: save, press: ctrl+s, effect: commit, guard: { active: Notes }, done: { active: Saved } }
`;

export interface Shape {
  readonly workflows: number;
  readonly callers: number;
}

const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A replica without loops on the database. */
export function openReplica(databaseUrl: string): EngineContext {
  return {
    database: openStore(databaseUrl, { connectionsMax: 1 }),
    // Nobody else is there to be woken.
    wakeup: { publish() {}, subscribe: () => () => {}, stop: async () => {} },
    blobs: { put: async () => {}, get: async () => undefined, delete: async () => {}, deleteAll: async () => {} },
    interpreters: createInterpreters(),
    catalogue: createCatalogue(),
    clocks: leaseClocks,
    replicaId: uuid() as ReplicaId,
    log: silentLog,
    meter: silentMeter,
  };
}

/** On a database with the schema alone: 500 machines, and one finished run. */
export async function makeFleet(context: EngineContext, shape: Shape): Promise<TenantId> {
  const { workflows, callers } = shape;
  const { sql } = context.database;
  const tenantId = uuid() as TenantId;
  await sql`insert into tenants (id, name, created_at) values (${tenantId}, 'bench', now())`;
  await renewReplica(sql, { id: context.replicaId, agentAddress: "http://bench", endMs: 24 * 3_600_000 });
  const definition = { files: {}, checkOnly: false };
  assert.ok((await putApplication(context, tenantId, { source: application, ...definition })).ok);
  const names = Array.from({ length: workflows }, (_, n) => nameOf(n));
  for (const name of names)
    assert.ok((await putWorkflow(context, tenantId, { source: workflow(name), ...definition })).ok);
  await sql`insert into concurrency_limits (tenant_id, kind, name, max, set_by, set_at)
    values (${tenantId}, 'application', 'notes', ${limit}, 'bench', now())`;
  await begin(context, tenantId, shape, 0);
  const token = await createEnrolmentToken(context, tenantId, {
    pool: "default",
    uses: machines,
    lifetimeMs: 3_600_000,
  });
  for (let n = 0; n < machines; n++) {
    const enrolled = await enrol(context, token.secret, `vm-${n}`);
    assert.ok(enrolled.is === "enrolled");
    const incarnation = { bootId: "boot", startId: `start-${n}`, dialNumber: 1, holdsLock: true };
    await attach(context, enrolled.machineId, { incarnation, inventory });
    if (n === 0) await finish(context, enrolled.machineId);
  }
  // So that each route is there before its history.
  for (let n = 1; n < workflows * callers; n++) await begin(context, tenantId, shape, n);
  return tenantId;
}

/** All machines are busy. */
export async function makeBusy(context: EngineContext, tenantId: TenantId, shape: Shape): Promise<void> {
  for (let n = shape.workflows * shape.callers - 1; n < machines; n++) await begin(context, tenantId, shape, n);
  await placeAll(context);
  const [row] = await context.database.sql<{ busy: number; waiting: number }[]>`
    select (select count(*)::int from machines where status = 'busy') as busy,
      (select count(*)::int from runs where state = 'queued') as waiting`;
  assert.deepEqual({ ...row }, { busy: machines, waiting: 0 });
}

const nameOf = (n: number) => `notes.save-${n}`;

async function begin(
  context: EngineContext,
  tenantId: TenantId,
  { workflows, callers }: Shape,
  n: number,
): Promise<void> {
  const started = await startRun(context, tenantId, {
    ...{ workflow: nameOf(n % workflows), workflowVersion: 0, inputs: { text: `note ${n}` }, idempotencyKey: "" },
    caller: `caller ${Math.floor(n / workflows) % callers}`,
  });
  assert.ok(started.ok);
}

const inventory = {
  ...{ platform: "simulated", os: "none", agentVersion: "1", screen: { width: 1280, height: 800 }, labels: {} },
  ...{
    applications: [{ name: "notes", version: "1" }],
    capabilities: [],
    executable: "",
    capture: "",
    dpi: 0,
    session: "",
  },
};

/** The one run that waits is done on the machine from beginning to end. */
async function finish(context: EngineContext, machine: MachineId): Promise<void> {
  await placeAll(context);
  for (;;) {
    const { lease, command } = (await readWish(context, machine))?.wanted ?? assert.fail("no machine");
    if (lease?.attemptId == null) return;
    const proof = { verdict: "READY", evidence: [], screen: { width: 1280, height: 800 } } as const;
    const proving = command?.spec.action.is === "prove" ? { proof } : {};
    const result = { number: command?.number ?? 0, input: "all", durationMs: 3, output: {}, ...proving } as const;
    await report(context, machine, lease.attemptId as AttemptId, result);
  }
}

/** When copies are of: the last is now. */
const madeAt = Date.now();
/** The time of the copy `n` of so many, one each second; and a time-ordered id. `kind` tells runs, attempts and leases apart. */
const timeOf = (count: number) => `to_timestamp(${madeAt / 1000} - ${count} + n)`;
const idOf = (kind: number, count: number) => `(
  select (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7000-800${kind}-' || lpad(to_hex(n), 12, '0'))::uuid
  from lpad(to_hex(${madeAt} - (${count} - n) * 1000::bigint), 12, '0') as h)`;

/** Inserts a copy of each row that `from` selects as `r`, with these columns changed; `n` counts, `t` is a route of the queue. */
async function copy(sql: Sql, table: string, from: string, changes: Readonly<Record<string, string>>): Promise<void> {
  const columns = await sql<{ name: string }[]>`
    select column_name as name from information_schema.columns where table_name = ${table} and table_schema = 'public'`;
  const names = columns.map(({ name }) => name);
  const values = names.map((name) => changes[name] ?? `r.${name}`);
  // What they refer to is there: it need not be looked up for each.
  await sql`set session_replication_role = replica`;
  await sql.unsafe(`insert into ${table} (${names.join(", ")}) select ${values.join(", ")} from ${from}`);
  await sql`set session_replication_role = origin`;
}

const spread = (count: number, first = 1) => `generate_series(${first}, ${count}) n
  join (select *, row_number() over (order by id) - 1 as k, count(*) over () as routes from routes) t on t.k = n % t.routes`;
const ofRoute = { route_id: "t.id", workflow: "t.workflow", caller: "t.caller" };

/** What makes a run that is under way or has ended one that waits. */
const queued = {
  ...{
    state: "'queued'",
    outcome: "null",
    commit_label: "null",
    ended_at: "null",
    started_at: "null",
    attempt_id: "null",
  },
  ...{ deadline_at: "now() + interval '7 days'", run_deadline_at: "null", attempts_used: "0", attempt_count: "0" },
  ...{ last_event: "1", generation: "1" },
};

/** So many runs wait, spread over all routes, in three priorities. */
export async function makeQueue(sql: Sql, count: number): Promise<void> {
  const [waiting] = await sql<{ count: number }[]>`select count(*)::int as count from runs where state = 'queued'`;
  const [run] = await sql<{ id: RunId }[]>`select id from runs where state = 'running' limit 1`;
  assert.ok(run !== undefined && waiting !== undefined);
  const id = idOf(1, count);
  const from = `${spread(count, waiting.count + 1)} cross join`;
  const changes = { ...queued, id, ...ofRoute, priority: "n % 3", created_at: timeOf(count) };
  await copy(sql, "runs", `${from} (select * from runs where id = '${run.id}') r`, changes);
  const first = `select * from events where run_id = '${run.id}' and number = 1`;
  await copy(sql, "events", `${from} (${first}) r`, { run_id: id });
}

/** So many runs have ended: each with an attempt, its lease, its commands and its events, one a second up to now. */
export async function makeHistory(sql: Sql, count: number): Promise<void> {
  if (count === 0) return;
  const one = "(select id from runs where state = 'ended' limit 1)";
  const [run, attempt, lease] = [idOf(2, count), idOf(3, count), idOf(4, count)];
  const machine = `(select array_agg(id) from machines)`;
  const ended = timeOf(count);
  const from = (table: string, where: string) =>
    `(select ${machine} as machines) m, ${spread(count)} cross join (select * from ${table} where ${where}) r`;
  const machineId = `m.machines[1 + n % ${machines}]`;
  await copy(sql, "runs", from("runs", `id = ${one}`), {
    ...{ id: run, ...ofRoute, created_at: ended, started_at: ended, ended_at: ended },
  });
  await copy(sql, "attempts", from("attempts", `run_id = ${one}`), {
    ...{ id: attempt, run_id: run, lease_id: lease, machine_id: machineId, started_at: ended, ended_at: ended },
  });
  const attempts = `attempt_id in (select id from attempts where run_id = ${one})`;
  await copy(sql, "leases", from("leases", attempts), {
    ...{ id: lease, attempt_id: attempt, machine_id: machineId, granted_at: ended, ended_at: ended },
  });
  await copy(sql, "commands", from("commands", attempts), { attempt_id: attempt, saved_at: ended, ended_at: ended });
  await copy(sql, "events", from("events", `run_id = ${one}`), { run_id: run, at: ended });
}

/** One machine has done its run, and one more run waits. Returns the machine. */
export async function freeOne(sql: Sql, turn: number): Promise<MachineId> {
  const [row] = await sql<{ id: MachineId; leaseId: string; attemptId: AttemptId; runId: RunId }[]>`
    select m.id, l.id as lease_id, a.id as attempt_id, a.run_id
    from machines m join leases l on l.machine_id = m.id and l.ended_at is null join attempts a on a.id = l.attempt_id
    where m.name = ${`vm-${turn % machines}`}`;
  assert.ok(row !== undefined);
  const { id, leaseId, attemptId, runId } = row;
  await sql`update leases set ended_at = clock_timestamp() where id = ${leaseId}`;
  await sql`update attempts set ended_at = clock_timestamp(), phase = 'ended' where id = ${attemptId}`;
  await sql`
    update runs set state = 'ended', outcome = 'SUCCEEDED', commit_label = 'AFTER_COMMIT', ended_at = clock_timestamp(),
      deadline_at = null, attempt_id = null where id = ${runId}`;
  const again = `runs where id = '${runId}'`;
  await copy(sql, "runs", `(select * from ${again}) r`, { ...queued, id: `'${uuid()}'`, created_at: "now()" });
  await sql`update machines set status = 'idle', status_since = clock_timestamp() where id = ${id}`;
  return id;
}
