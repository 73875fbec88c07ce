// Machines and the leases on them.

import type { Failure } from "../rules/failure.ts";
import type { Lease, LeasePurpose } from "../rules/lease.ts";
import type { Incarnation, Inventory, MachineStatus, Observed, TakenInventory } from "../rules/machine.ts";
import type { MachineState } from "../rules/machine-life.ts";
import type {
  ApplicationVersionId,
  AttemptId,
  Instant,
  LeaseId,
  MachineId,
  PoolId,
  ReplicaId,
  RunId,
  TenantId,
} from "../rules/names.ts";
import type { FreeMachine } from "../rules/placement.ts";
import type { ReleaseReport } from "../rules/release.ts";
import { json, type Query, type Sql, type Tx } from "./database.ts";
import { leaseHalted } from "./halts.ts";
import { keepOffer } from "./offers.ts";
import { machineFree } from "./queue.ts";

export interface MachineRow {
  readonly id: MachineId;
  readonly tenantId: TenantId;
  readonly poolId: PoolId;
  readonly name: string;
  readonly status: MachineStatus;
  readonly epoch: number;
  readonly bootId: string | null;
  readonly startId: string | null;
  readonly dialNumber: number;
  readonly replicaId: ReplicaId | null;
  readonly sessionId: string | null;
  readonly takeoverAt: Instant | null;
  readonly revokedAt: Instant | null;
}

/** A lease that has not ended, and the run of its attempt. */
export interface LiveLease {
  readonly id: LeaseId;
  readonly purpose: LeasePurpose;
  readonly epoch: number;
  readonly deadlineAt: Instant;
  readonly attemptId: AttemptId | null;
  readonly runId: RunId | null;
  readonly attemptEnded: boolean;
}

export const leaseOf = ({ attemptEnded, attemptId, epoch, deadlineAt }: LiveLease): Lease => ({
  state: attemptEnded ? "fencing" : "live",
  injects: attemptId !== null,
  epoch,
  deadlineAt,
});

export function machineState({ id, status, takeoverAt }: MachineRow): MachineState {
  if (status !== "reattaching") return { is: status };
  if (takeoverAt === null) throw new Error(`machine ${id} is reattaching without an end`);
  return { is: status, takeoverAt };
}

const columns = [
  "id",
  "tenant_id",
  "pool_id",
  "name",
  "status",
  "epoch",
  "boot_id",
  "start_id",
  "dial_number",
  "replica_id",
  "session_id",
  "takeover_at",
  "revoked_at",
] as const;

export async function readMachine(query: Query, id: MachineId): Promise<MachineRow | undefined> {
  const [row] = await query<MachineRow[]>`select ${query(columns)} from machines where id = ${id}`;
  return row;
}

/**
 * Lock order everywhere: runs, then machines, each by id. `no key`, here and wherever a row is locked to be changed:
 * rows that refer to it may be inserted meanwhile.
 */
export async function lockMachine(tx: Tx, id: MachineId): Promise<MachineRow | undefined> {
  const [row] = await tx<MachineRow[]>`select ${tx(columns)} from machines where id = ${id} for no key update`;
  return row;
}

export async function machineByKey(query: Query, keyHash: Uint8Array): Promise<MachineRow | undefined> {
  const [row] = await query<MachineRow[]>`
    select ${query(columns)} from machines where key_hash = ${keyHash} and revoked_at is null`;
  return row;
}

export async function readLiveLease(query: Query, machineId: MachineId): Promise<LiveLease | undefined> {
  const [row] = await query<LiveLease[]>`
    select l.id, l.purpose, l.epoch, l.deadline_at, l.attempt_id, a.run_id, (a.ended_at is not null) as attempt_ended
    from leases l left join attempts a on a.id = l.attempt_id
    where l.machine_id = ${machineId} and l.ended_at is null`;
  return row;
}

/** Whether the machine is attached, and has been since an instant. */
export async function isBack(query: Query, id: MachineId, since: Instant): Promise<boolean> {
  const rows = await query`
    select 1 from machines where id = ${id} and status in ('idle', 'busy')
      and (attached_at is null or attached_at <= ${since}::timestamptz)`;
  return rows.length === 1;
}

/** Machines of a pool that are idle and not locked by anybody, locked, longest idle first. */
export async function lockIdle(tx: Tx, ids: readonly MachineId[]): Promise<MachineRow[]> {
  return await tx<MachineRow[]>`
    select ${tx(columns)} from machines
    where id = any(${[...ids]}::uuid[]) and status || '' = 'idle' and revoked_at is null
    order by id for no key update skip locked`;
}

/** Those of the machines that can still be given something to do, and that nobody else has locked, locked. */
export async function lockFree(tx: Tx, ids: readonly MachineId[], now: Instant): Promise<MachineRow[]> {
  return await tx<MachineRow[]>`
    select ${tx(columns)} from machines m where m.id = any(${[...ids]}::uuid[]) and ${machineFree(tx, now)}
    order by m.id for no key update skip locked`;
}

/**
 * Machines of the pool that can be given something: of those that offer the same, at most `limit`, those first that are to be
 * probed, then those that were proven ready for something, then those that have been idle longest; and all on which a run waits to be settled.
 */
export async function readFree(query: Query, poolId: PoolId, limit: number, now: Instant): Promise<FreeMachine[]> {
  return await query<FreeMachine[]>`
    select id, offer_id as offer, status_since as idle_since, warm, failure_rate, quarantined_until is not null as on_probation from (
      select m.*, row_number() over (partition by offer_id order by quarantined_until is null, warm = '{}'::jsonb, status_since, id) as place
      from machines m
      where pool_id = ${poolId} and offer_id is not null and ${machineFree(query, now)}
    ) free
    where place <= ${limit} or id in (
      select (unsettled ->> 'machineId')::uuid from runs
      where pool_id = ${poolId} and state = 'unsettled' and due and unsettled ->> 'on' = 'same-machine')`;
}

/** A machine that is to be cleaned up, and after which attempt. */
export interface UncleanMachine {
  readonly id: MachineId;
  readonly runId: RunId;
  readonly applicationVersionId: ApplicationVersionId;
  readonly failure: Failure | null;
}

/** The next machine to be cleaned up, but for those that are `passed` over. A cordon does not keep it from that, a drain does. */
export async function readUnclean(
  query: Query,
  poolId: PoolId,
  passed: readonly MachineId[],
  now: Instant,
): Promise<UncleanMachine | undefined> {
  const [row] = await query<UncleanMachine[]>`
    select m.id, a.run_id, a.application_version_id, a.failure
    from machines m join attempts a on a.id = m.unclean_attempt_id join runs r on r.id = a.run_id
    where m.pool_id = ${poolId} and m.status = 'idle' and m.revoked_at is null and m.hold is null
      and (m.unready_until is null or m.unready_until <= ${now}::timestamptz) and not ${leaseHalted(query)}
      and m.drain_by is null
      and m.id <> all(${[...passed]}::uuid[])
    order by m.status_since limit 1`;
  return row;
}

/** The machine after a stream opened. */
export async function saveAttached(
  tx: Tx,
  id: MachineId,
  attached: {
    readonly state: MachineState;
    readonly incarnation: Incarnation;
    readonly inventory: Inventory;
    /** A release that was tried and given up. */
    readonly failedRelease: ReleaseReport | undefined;
    readonly replicaId: ReplicaId;
    readonly sessionId: string;
    readonly now: Instant;
  },
): Promise<void> {
  const { incarnation, inventory, failedRelease: failed } = attached;
  // What was prepared is said anew once it is asked for; what failed stays so until something else is said.
  const release =
    failed === undefined
      ? tx`release_state = nullif(release_state, 'prepared')`
      : tx`release_version = ${failed.version}, release_state = 'failed',
           release_fault = ${failed.is === "failed" ? failed.fault : null}`;
  await tx`
    update machines set
      incarnation_since = case
        when boot_id = ${incarnation.bootId} and start_id = ${incarnation.startId} then incarnation_since
        else ${attached.now}::timestamptz end,
      warm = case
        when boot_id = ${incarnation.bootId} and start_id = ${incarnation.startId} then warm else '{}'::jsonb end,
      executable = ${inventory.executable}, ${release},
      status = ${attached.state.is}, status_since = ${attached.now}::timestamptz,
      attached_at = ${attached.now}::timestamptz, takeover_at = null,
      boot_id = ${incarnation.bootId}, start_id = ${incarnation.startId}, dial_number = ${incarnation.dialNumber},
      replica_id = ${attached.replicaId}, session_id = ${attached.sessionId},
      inventory = ${json(inventory)}::jsonb,
      applications = ${inventory.applications.map((a) => a.name)}::text[], offer_id = ${await keepOffer(tx, inventory)},
      generation = generation + 1
    where id = ${id}`;
}

/** What became known of a machine during a session. Late news of an older session changes nothing. */
export async function saveInventory(sql: Sql, id: MachineId, sessionId: string, taken: TakenInventory): Promise<void> {
  await sql`
    update machines set inventory = inventory || ${json(taken)}::jsonb, executable = ${taken.executable},
      applications = ${taken.applications.map((a) => a.name)}::text[], offer_id = ${await keepOffer(sql, taken)},
      generation = generation + 1
    where id = ${id} and session_id = ${sessionId}`;
}

/** What the beats of a session say of the machine; false when nothing else was known. Late news changes nothing. */
export async function saveObserved(
  sql: Sql,
  id: MachineId,
  sessionId: string,
  { hold, desktop }: Observed,
): Promise<boolean> {
  const changed = await sql`
    update machines set hold = ${hold}, desktop = ${desktop}, generation = generation + 1
    where id = ${id} and session_id = ${sessionId} and (hold, desktop) is distinct from (${hold}, ${desktop})
    returning id`;
  return changed.length === 1;
}

export async function saveStatus(tx: Tx, id: MachineId, status: MachineState, now: Instant): Promise<void> {
  const takeoverAt = status.is === "reattaching" ? status.takeoverAt : null;
  await tx`
    update machines set status = ${status.is}, status_since = ${now}::timestamptz,
      takeover_at = ${takeoverAt}::timestamptz, generation = generation + 1
    where id = ${id}`;
}

/** The machine's next epoch, given to a new lease or to the one it has; returns it. */
export async function nextEpoch(tx: Tx, machineId: MachineId, leaseId: LeaseId | undefined): Promise<number> {
  const [row] = await tx<{ epoch: number }[]>`
    update machines set epoch = epoch + 1, generation = generation + 1 where id = ${machineId} returning epoch`;
  if (row === undefined) throw new Error(`machine ${machineId} is gone`);
  if (leaseId !== undefined) await tx`update leases set epoch = ${row.epoch} where id = ${leaseId}`;
  return row.epoch;
}

export async function grantLease(
  tx: Tx,
  lease: {
    readonly id: LeaseId;
    readonly tenantId: TenantId;
    readonly machineId: MachineId;
    readonly purpose: LeasePurpose;
    readonly epoch: number;
    /** Absent: for a purpose in which nothing is injected. */
    readonly attemptId: AttemptId | null;
    readonly deadlineAt: Instant;
    readonly now: Instant;
  },
): Promise<void> {
  await tx`
    insert into leases (id, tenant_id, machine_id, purpose, epoch, attempt_id, granted_at, deadline_at)
    values (${lease.id}, ${lease.tenantId}, ${lease.machineId}, ${lease.purpose}, ${lease.epoch}, ${lease.attemptId},
      ${lease.now}::timestamptz, ${lease.deadlineAt}::timestamptz)`;
}

/** What its agent says of a release. */
export async function saveReleaseReport(tx: Tx, id: MachineId, report: ReleaseReport): Promise<void> {
  await tx`
    update machines set release_version = ${report.version}, release_state = ${report.is},
      release_fault = ${report.is === "failed" ? report.fault : null}, generation = generation + 1
    where id = ${id}`;
}

/** What the agents of the tenant's machines have said of releases counts no more. */
export async function forgetReports(tx: Tx, tenantId: TenantId): Promise<void> {
  await tx`
    update machines set release_version = null, release_state = null, release_fault = null, generation = generation + 1
    where id in (
      select id from machines where tenant_id = ${tenantId} and release_state is not null
      order by id for no key update)`;
}

/** Ends the lease; a machine that is attached is idle from then on, as `advanceMachine` says (a test compares them). */
export async function endLease(tx: Tx, machineId: MachineId, leaseId: LeaseId, now: Instant): Promise<void> {
  await Promise.all([
    tx`update leases set ended_at = ${now}::timestamptz where id = ${leaseId} and ended_at is null`,
    tx`update machines set status = 'idle', status_since = ${now}::timestamptz, generation = generation + 1
       where id = ${machineId} and status = 'busy'`,
  ]);
}
