// Rollouts, and the fleet as they see it.

import type { Instant, MachineId, RolloutId, TenantId } from "../rules/names.ts";
import type { AgentFault, Executable, ReleaseReport } from "../rules/release.ts";
import type { FleetMachine, Rollout, RolloutStage, RolloutState, RunningState, StopReason } from "../rules/rollout.ts";
import type { Query, Tx } from "./database.ts";

export interface RolloutRow extends Rollout {
  readonly id: RolloutId;
  readonly tenantId: TenantId;
  readonly createdAt: Instant;
}

interface Row {
  readonly id: RolloutId;
  readonly tenantId: TenantId;
  readonly version: string;
  readonly state: RolloutState;
  readonly stoppedFrom: RunningState | null;
  readonly stopReason: StopReason | null;
  readonly canaryCount: number | null;
  readonly soakMs: number;
  readonly createdAt: Instant;
  readonly executables: Executable[];
}

/** Releases that were complete when it was started: what is added later has had no canary. */
const columns = (query: Query) => query`
  o.id, o.tenant_id, o.version, o.state, o.stopped_from, o.stop_reason, o.canary_count, o.soak_ms, o.created_at,
  array(select r.executable from releases r
    where r.tenant_id = o.tenant_id and r.version = o.version and r.completed_at <= o.created_at
    order by r.executable) as executables`;

function rolloutOf(row: Row): RolloutRow {
  const { state, stoppedFrom, stopReason, canaryCount, ...rest } = row;
  const stage = stageOf(state, stoppedFrom, stopReason);
  return { ...rest, stage, canaryCount: canaryCount ?? undefined };
}

function stageOf(state: RolloutState, from: RunningState | null, reason: StopReason | null): RolloutStage {
  if (state !== "stopped") return { is: state };
  if (from === null || reason === null) throw new Error("a stopped rollout without its reason");
  return { is: "stopped", from, reason };
}

/**
 * The tenant's newest rollout: the only one that anything is done for. By Postgres's clock: ids are made by replicas, whose
 * clocks may differ.
 */
export async function newestRollout(query: Query, tenantId: TenantId): Promise<RolloutRow | undefined> {
  const [row] = await query<Row[]>`
    select ${columns(query)} from rollouts o where o.tenant_id = ${tenantId}
    order by o.created_at desc, o.id desc limit 1`;
  return row === undefined ? undefined : rolloutOf(row);
}

/** The rollout under lock, unless `skip` and somebody else has it: one decides at a time, on any replica. */
export async function lockRollout(tx: Tx, id: RolloutId, skip: "skip" | "wait"): Promise<RolloutRow | undefined> {
  const [row] = await tx<Row[]>`
    select ${columns(tx)} from rollouts o where o.id = ${id}
    for no key update of o ${skip === "skip" ? tx`skip locked` : tx``}`;
  return row === undefined ? undefined : rolloutOf(row);
}

/**
 * The newest rollout of each tenant, if there is something to do for it. One that is done waits for machines that come
 * back, and then say that they are prepared.
 */
export async function rolloutsToAdvance(query: Query): Promise<RolloutId[]> {
  const rows = await query<{ id: RolloutId }[]>`
    select o.id from rollouts o
    where not exists (select 1 from rollouts newer
        where newer.tenant_id = o.tenant_id and (newer.created_at, newer.id) > (o.created_at, o.id))
      and (o.state in ('running_canary', 'running_rest') or (o.state = 'done' and exists (
        select 1 from machines m where m.tenant_id = o.tenant_id and m.release_version = o.version
          and (m.release_state = 'prepared' or m.kept_free))))`;
  return rows.map((row) => row.id);
}

export type NewRollout = Pick<RolloutRow, "id" | "tenantId" | "version" | "canaryCount" | "soakMs" | "createdAt">;

export async function insertRollout(query: Query, rollout: NewRollout): Promise<void> {
  const { id, tenantId, version, canaryCount, soakMs, createdAt } = rollout;
  await query`
    insert into rollouts (id, tenant_id, version, state, state_since, canary_count, soak_ms, created_at)
    values (${id}, ${tenantId}, ${version}, 'running_canary', ${createdAt}::timestamptz, ${canaryCount ?? null},
      ${soakMs}, ${createdAt}::timestamptz)`;
}

export async function saveStage(tx: Tx, id: RolloutId, stage: RolloutStage, now: Instant): Promise<void> {
  const [from, reason] = stage.is === "stopped" ? [stage.from, stage.reason] : [null, null];
  await tx`
    update rollouts set state = ${stage.is}, state_since = ${now}::timestamptz, stopped_from = ${from},
      stop_reason = ${reason}
    where id = ${id}`;
}

export interface NamedMachine extends FleetMachine {
  readonly name: string;
}

/** Every machine of the tenant whose key is good. */
export async function readFleet(query: Query, rollout: Pick<RolloutRow, "id" | "tenantId">): Promise<NamedMachine[]> {
  type FleetRow = Omit<NamedMachine, "report" | "grantedAt"> & {
    readonly releaseVersion: string | null;
    readonly releaseState: "prepared" | "failed" | null;
    readonly releaseFault: AgentFault | null;
    readonly grantedAt: Instant | null;
  };
  const rows = await query<FleetRow[]>`
    select m.id, m.name, m.executable, coalesce(m.inventory->>'agentVersion', '') as agent_version, m.status,
      m.status_since, coalesce(m.incarnation_since, m.status_since) as incarnation_since, m.release_version,
      m.release_state, m.release_fault, coalesce(p.canary, false) as canary, p.granted_at,
      coalesce(p.grants, 0) as grants, coalesce(p.starts, 0) as starts, coalesce(p.accepted, false) as accepted
    from machines m
    left join rollout_machines p on p.rollout_id = ${rollout.id} and p.machine_id = m.id
    where m.tenant_id = ${rollout.tenantId} and m.revoked_at is null and m.inventory is not null
    order by m.name`;
  return rows.map(({ releaseVersion, releaseState, releaseFault, grantedAt, ...machine }) => ({
    ...machine,
    report: reportOf(releaseVersion, releaseState, releaseFault),
    grantedAt: grantedAt ?? undefined,
  }));
}

function reportOf(
  version: string | null,
  state: "prepared" | "failed" | null,
  fault: AgentFault | null,
): ReleaseReport | undefined {
  if (version === null || state === null) return undefined;
  if (state === "prepared") return { version, is: "prepared" };
  return fault === null ? undefined : { version, is: "failed", fault };
}

/** These are the canaries, and no others. */
export async function saveCanaries(
  tx: Tx,
  { id, tenantId }: RolloutRow,
  canaries: readonly MachineId[],
): Promise<void> {
  await tx`
    update rollout_machines set canary = false
    where rollout_id = ${id} and canary and machine_id <> all(${[...canaries]}::uuid[])`;
  await tx`
    insert into rollout_machines (rollout_id, machine_id, tenant_id, canary)
    select ${id}, machine_id, ${tenantId}, true from unnest(${[...canaries].sort()}::uuid[]) as machine_id
    on conflict (rollout_id, machine_id) do update set canary = true where not rollout_machines.canary`;
}

/** The machine was told to restart. */
export async function saveGranted(tx: Tx, rollout: RolloutRow, machineId: MachineId, now: Instant): Promise<void> {
  await tx`
    insert into rollout_machines (rollout_id, machine_id, tenant_id, granted_at, grants)
    values (${rollout.id}, ${machineId}, ${rollout.tenantId}, ${now}::timestamptz, 1)
    on conflict (rollout_id, machine_id) do update
      set granted_at = excluded.granted_at, grants = rollout_machines.grants + 1`;
}

/** An agent of the machine is back, as whatever it is; or has said that it will not go. */
export async function endGrant(tx: Tx, machineId: MachineId): Promise<void> {
  await tx`update rollout_machines set granted_at = null where machine_id = ${machineId} and granted_at is not null`;
}

/**
 * A new incarnation of the machine's agent attaches: counted, if the machine is a canary that runs the rollout's version.
 * Asked before the incarnation is saved. A machine that booted begins anew: that was no crash of the agent.
 */
export async function countStart(
  tx: Tx,
  machineId: MachineId,
  { bootId, agentVersion, now }: { readonly bootId: string; readonly agentVersion: string; readonly now: Instant },
): Promise<void> {
  await tx`
    update rollout_machines p set starts = case
      when m.boot_id = ${bootId} and m.inventory->>'agentVersion' = o.version
        and m.incarnation_since + o.soak_ms * interval '1 millisecond' > ${now}::timestamptz then p.starts + 1
      else 1 end
    from rollouts o, machines m
    where p.machine_id = ${machineId} and p.canary and m.id = p.machine_id and o.id = p.rollout_id
      and o.state = 'running_canary' and o.version = ${agentVersion}`;
}

/** They have failed, and the rollout goes on in spite of it. */
export async function saveAccepted(tx: Tx, rollout: RolloutRow, failed: readonly MachineId[]): Promise<void> {
  await tx`
    insert into rollout_machines (rollout_id, machine_id, tenant_id, accepted)
    select ${rollout.id}, machine_id, ${rollout.tenantId}, true from unnest(${[...failed].sort()}::uuid[]) as machine_id
    on conflict (rollout_id, machine_id) do update set accepted = true`;
}

/** These machines are given no further run, and all others of the tenant are. */
export async function saveKeptFree(tx: Tx, tenantId: TenantId, ids: readonly MachineId[]): Promise<void> {
  await tx`
    update machines set kept_free = (id = any(${[...ids]}::uuid[])), generation = generation + 1
    where tenant_id = ${tenantId} and kept_free <> (id = any(${[...ids]}::uuid[]))`;
}
