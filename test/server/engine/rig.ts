// An engine on a real Postgres without its loops: a tenant, a small workflow, machines as rows, and the calls that an agent's
// session would make. Times that have to pass are moved in the rows.

import assert from "node:assert/strict";
import { after } from "node:test";
import { v7 as uuid } from "uuid";
import type { BlobStore } from "../../../server/blobs/blob-store.ts";
import { type Attached, attach } from "../../../server/engine/attaching.ts";
import { createCatalogue } from "../../../server/engine/catalogue.ts";
import type { EngineContext, Log } from "../../../server/engine/context.ts";
import { putApplication, putWorkflow } from "../../../server/engine/defining.ts";
import { createEnrolmentToken, enrol } from "../../../server/engine/enrolling.ts";
import { createInterpreters } from "../../../server/engine/interpreters.ts";
import { silentMeter } from "../../../server/engine/meter.ts";
import { report } from "../../../server/engine/reporting.ts";
import { type StartRequest, startRun } from "../../../server/engine/starting.ts";
import { readWish } from "../../../server/engine/wanting.ts";
import type { CommandResult } from "../../../server/rules/happening.ts";
import type { LeaseClocks } from "../../../server/rules/limits.ts";
import type { Incarnation, Inventory } from "../../../server/rules/machine.ts";
import type { AttemptId, MachineId, ReplicaId, RunId, TenantId } from "../../../server/rules/names.ts";
import type { Verdict } from "../../../server/rules/verdict.ts";
import { type Database, migrateDatabase, openStore } from "../../../server/store/database.ts";
import { renewReplica } from "../../../server/store/replicas.ts";
import { openWakeup, type Wakeup } from "../../../server/store/wakeup.ts";
import { createDatabase } from "../../support/postgres.ts";

export const clocks: LeaseClocks = {
  beatMs: 50,
  agentStopMs: 200,
  takeoverMs: 400,
  replicaRenewMs: 20,
  replicaEndMs: 100,
};

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const applicationSource = `
application: notes
launch: { command: [notes] }
ready: [ { process: notes } ]
`;

/** One harmless step, one commit step that is checked, one more harmless step. */
export const workflowSource = `
workflow: notes.save
application: notes
inputs: { type: object, required: [text], properties: { text: { type: string } } }
timeout: 1m
retry: { attempts: 2 }
steps:
  - { id: write, type: "\${inputs.text}" }
  - { id: save, press: ctrl+s, effect: commit, guard: { active: Notes }, done: { active: Saved } }
  - { id: leave, press: escape }
`;

export const inventory: Inventory = {
  platform: "simulated",
  os: "none",
  agentVersion: "1",
  screen: { width: 800, height: 600 },
  applications: [{ name: "notes", version: "1" }],
  labels: {},
  capabilities: [],
  executable: "",
  capture: "",
  dpi: 0,
  session: "",
};

export const memoryBlobs = (): BlobStore & { readonly held: Map<string, Uint8Array> } => {
  const held = new Map<string, Uint8Array>();
  return {
    held,
    put: async (key, content) => void held.set(key, content),
    get: async (key) => held.get(key),
    delete: async (key) => void held.delete(key),
    deleteAll: async (prefix) => {
      for (const key of held.keys()) if (key.startsWith(`${prefix}/`)) held.delete(key);
    },
  };
};

export interface Rig {
  readonly context: EngineContext;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly wakeup: Wakeup;
  readonly tenantId: TenantId;
}

/** To be called at the top of a test file, and stopped after its last test. */
export async function startRig(): Promise<Rig> {
  const { url, drop } = await createDatabase();
  await migrateDatabase(url);
  const database = openStore(url, { connectionsMax: 24 });
  const wakeup = await openWakeup(url, silentLog);
  after(async () => {
    await wakeup.stop();
    await database.stop();
    await drop();
  });
  const context = await anotherReplica({ database, wakeup });
  const rig = await anotherTenant({ context, database, databaseUrl: url, wakeup });
  // The service has been up for long, unless a test says otherwise.
  await database.sql`update service set resumed_at = clock_timestamp() - interval '1 hour'`;
  return rig;
}

/** The same for a tenant of its own, with the small workflow. */
export async function anotherTenant(rig: Omit<Rig, "tenantId">): Promise<Rig> {
  const { context, database } = rig;
  const tenantId = uuid() as TenantId;
  await database.sql`insert into tenants (id, name, created_at) values (${tenantId}, ${tenantId}, clock_timestamp())`;
  const application = { source: applicationSource, files: {}, checkOnly: false };
  assert.equal((await putApplication(context, tenantId, application)).ok, true);
  const own = { ...rig, tenantId };
  await put(own, workflowSource);
  return own;
}

/** Nothing waits, nothing runs, nothing is attached: what one test leaves is no other's. */
export async function clear({ database: { sql } }: Rig): Promise<void> {
  await sql`update runs set state = 'ended', outcome = 'CANCELLED', commit_label = 'BEFORE_COMMIT', ended_at = now(),
    deadline_at = null, attempt_id = null where state <> 'ended'`;
  await sql`update attempts set ended_at = now(), phase = 'ended' where ended_at is null`;
  await sql`update leases set ended_at = now() where ended_at is null`;
  await sql`update machines set status = 'offline', takeover_at = null`;
  await sql`update service set resumed_at = clock_timestamp() - interval '1 hour'`;
}

export async function put(rig: Pick<Rig, "context" | "tenantId">, source: string): Promise<void> {
  const answer = await putWorkflow(rig.context, rig.tenantId, { source, files: {}, checkOnly: false });
  assert.ok(answer.ok, JSON.stringify(answer));
}

/** A context of its own, with a live row, on the same database: what a second replica has. */
export async function anotherReplica(shared: {
  readonly database: Database;
  readonly wakeup: Wakeup;
}): Promise<EngineContext> {
  const replicaId = uuid() as ReplicaId;
  await renewReplica(shared.database.sql, { id: replicaId, agentAddress: "http://replica", endMs: 3_600_000 });
  const { database, wakeup } = shared;
  return {
    database,
    wakeup,
    blobs: memoryBlobs(),
    interpreters: createInterpreters(),
    catalogue: createCatalogue(),
    meter: silentMeter,
    clocks,
    replicaId,
    log: silentLog,
  };
}

let names = 0;

/** A machine with the calls of its agent's session. */
export class TestMachine {
  readonly rig: Rig;
  readonly id: MachineId;
  readonly name: string;
  readonly key: string;
  incarnation: Incarnation = { bootId: "boot-1", startId: `start-${uuid()}`, dialNumber: 0, holdsLock: true };
  sessionId = "";
  /** What its agent says of it. */
  inventory = inventory;

  constructor(rig: Rig, id: MachineId, name: string, key: string) {
    this.rig = rig;
    this.id = id;
    this.name = name;
    this.key = key;
  }

  static async enrol(rig: Rig, pool = "default"): Promise<TestMachine> {
    const name = `vm-${++names}`;
    const wanted = { pool, uses: 1, lifetimeMs: 60_000 };
    const { secret } = await createEnrolmentToken(rig.context, rig.tenantId, wanted);
    const enrolled = await enrol(rig.context, secret, name);
    assert.ok(enrolled.is === "enrolled");
    return new TestMachine(rig, enrolled.machineId, name, enrolled.machineKey);
  }

  /** Enrolled and attached. */
  static async idle(rig: Rig, pool?: string): Promise<TestMachine> {
    const machine = await TestMachine.enrol(rig, pool);
    assert.equal((await machine.attach()).is, "admitted");
    return machine;
  }

  async attach(changes: Partial<Incarnation> = {}, context: EngineContext = this.rig.context): Promise<Attached> {
    const incarnation = { ...this.incarnation, dialNumber: this.incarnation.dialNumber + 1, ...changes };
    const attached = await attach(context, this.id, { incarnation, inventory: this.inventory });
    if (attached.is === "admitted") {
      this.incarnation = incarnation;
      this.sessionId = attached.sessionId;
    }
    return attached;
  }

  restart(changes: Partial<Incarnation> = {}, context?: EngineContext): Promise<Attached> {
    return this.attach({ startId: `start-${uuid()}`, dialNumber: 1, ...changes }, context);
  }

  async wish() {
    const wish = await readWish(this.rig.context, this.id);
    assert.ok(wish !== undefined);
    return wish;
  }

  /** Reports the command that is wanted, or the one named, and returns what is wanted then. */
  async report(changes: Partial<CommandResult> & { readonly attemptId?: AttemptId; readonly verdict?: Verdict } = {}) {
    const { wanted } = await this.wish();
    const { attemptId, verdict, ...more } = changes;
    const proving = wanted.command?.spec.action.is === "prove";
    const proof = { verdict: verdict ?? "READY", evidence: [], screen: { width: 800, height: 600 } } as const;
    await report(this.rig.context, this.id, attemptId ?? (wanted.lease?.attemptId as AttemptId), {
      number: wanted.command?.number ?? 0,
      input: proving ? "none" : "all",
      durationMs: 3,
      output: {},
      ...(proving ? { proof } : {}),
      ...more,
    });
    return (await this.wish()).wanted;
  }

  /** Reports until the step named is wanted; its command is then with the agent. */
  async upTo(step: string): Promise<void> {
    for (let turn = 0; (await this.wish()).wanted.command?.spec.step !== step; turn++) {
      assert.ok(turn < 10, `${step} is never wanted`);
      await this.report();
    }
  }

  async row() {
    const [row] = await this.rig.database.sql`
      select m.status, m.epoch, m.session_id, m.takeover_at, l.id as lease_id, l.epoch as lease_epoch, l.attempt_id
      from machines m left join leases l on l.machine_id = m.id and l.ended_at is null where m.id = ${this.id}`;
    assert.ok(row !== undefined);
    return row;
  }

  async status(): Promise<string> {
    return (await this.row())["status"];
  }

  /** As if its takeover's time had come. */
  async takeoverDue(): Promise<void> {
    await this.rig.database.sql`
      update machines set takeover_at = clock_timestamp() - interval '1 ms'
      where id = ${this.id} and status = 'reattaching'`;
  }
}

export async function begin(rig: Rig, request: Partial<StartRequest> = {}): Promise<RunId> {
  const answer = await startRun(rig.context, rig.tenantId, {
    workflow: "notes.save",
    workflowVersion: 0,
    caller: "somebody",
    inputs: { text: "hello" },
    idempotencyKey: "",
    ...request,
  });
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value.runId;
}

/** At least so many wait for a lock in this database: others' databases on the same server are not looked at. */
export async function lockWaits(sql: Rig["database"]["sql"], count = 1): Promise<boolean> {
  const rows = await sql`select 1 from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and wait_event_type = 'Lock'`;
  return rows.length >= count;
}

/** The run in words: its state or outcome, and its label. */
export async function told(rig: Rig, id: RunId): Promise<string> {
  const [run] = await rig.database.sql`select state, outcome, commit_label from runs where id = ${id}`;
  assert.ok(run !== undefined);
  return run["state"] === "ended" ? `${run["outcome"]} ${run["commitLabel"]}` : run["state"];
}

/** The kinds of the run's events, numbered from 1 without a gap or this throws (G8). */
export async function kinds(rig: Rig, id: RunId): Promise<string[]> {
  const rows = await rig.database.sql<{ number: number; body: { kind: string } }[]>`
    select number, body from events where run_id = ${id} order by number`;
  assert.deepEqual(
    rows.map((row) => row.number),
    rows.map((_, i) => i + 1),
  );
  return rows.map((row) => row.body.kind);
}
