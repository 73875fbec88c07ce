// What has passed its time: read by the expiring loop, which hands each to the rules. Bounded; the loop comes back.

import type { AttemptId, Instant, MachineId, ReplicaId, RunId } from "../rules/names.ts";
import type { Query } from "./database.ts";

const passMax = 500;

/** Runs whose deadline has passed and whose attempt is not being stopped yet. */
export async function runsPastDeadline(query: Query, now: Instant): Promise<RunId[]> {
  const rows = await query<{ id: RunId }[]>`
    select r.id from runs r left join attempts a on a.id = r.attempt_id
    where r.state <> 'ended' and r.deadline_at <= ${now}::timestamptz and a.ending is null
    order by r.deadline_at limit ${passMax}`;
  return rows.map((row) => row.id);
}

export interface OverdueCommand {
  readonly runId: RunId;
  /** If it is an upkeep attempt's. */
  readonly upkeepId: AttemptId | null;
}

/** Outstanding commands that are overdue on a machine that is attached (else takeover decides), and that nobody holds. */
export async function commandsOverdue(query: Query, now: Instant): Promise<OverdueCommand[]> {
  return await query<OverdueCommand[]>`
    select a.run_id, case when a.purpose = 'upkeep' then a.id end as upkeep_id
    from attempts a join machines m on m.id = a.machine_id
    where a.ended_at is null and a.command_deadline_at <= ${now}::timestamptz and m.status = 'busy'
      and (a.held is null or a.ending is not null)
    order by a.command_deadline_at limit ${passMax}`;
}

export interface DrainedAttempt {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly upkeepId: AttemptId | null;
}

/** Attempts on machines whose drain deadline has passed, and that are not being stopped yet. */
export async function drainsOverdue(query: Query, now: Instant): Promise<DrainedAttempt[]> {
  return await query<DrainedAttempt[]>`
    select a.run_id, a.id as attempt_id, case when a.purpose = 'upkeep' then a.id end as upkeep_id
    from machines m
    join leases l on l.machine_id = m.id and l.ended_at is null
    join attempts a on a.id = l.attempt_id
    where m.drain_by <= ${now}::timestamptz and a.ended_at is null and a.ending is null
    order by m.drain_by limit ${passMax}`;
}

/** Silent machines whose time to come back is over. */
export async function machinesToTakeOver(query: Query, now: Instant): Promise<MachineId[]> {
  const rows = await query<{ id: MachineId }[]>`
    select id from machines where status = 'reattaching' and takeover_at <= ${now}::timestamptz
    order by takeover_at limit ${passMax}`;
  return rows.map((row) => row.id);
}

/** Attached machines with a lease that has outlived its deadline. */
export async function machinesOverdue(query: Query, now: Instant): Promise<MachineId[]> {
  const rows = await query<{ id: MachineId }[]>`
    select m.id from leases l join machines m on m.id = l.machine_id
    where l.ended_at is null and l.deadline_at <= ${now}::timestamptz and m.status in ('idle', 'busy')
    order by l.deadline_at limit ${passMax}`;
  return rows.map((row) => row.id);
}

export interface OrphanedMachine {
  readonly id: MachineId;
  /** When the row of the replica that it was attached to ended. */
  readonly replicaEndedAt: Instant;
}

/** Machines that count as attached to a replica whose row has ended (it died, or lost Postgres). */
export async function machinesOfDeadReplicas(query: Query, now: Instant): Promise<OrphanedMachine[]> {
  return await query<OrphanedMachine[]>`
    select m.id, r.ends_at as replica_ended_at
    from replicas r join machines m on m.replica_id = r.id
    where r.ends_at <= ${now}::timestamptz and m.status in ('idle', 'busy')
    limit ${passMax}`;
}

/** Machines that count as attached to a replica, with the session of each. */
export async function machinesOfReplica(
  query: Query,
  id: ReplicaId,
): Promise<{ readonly id: MachineId; readonly sessionId: string }[]> {
  return await query<{ id: MachineId; sessionId: string }[]>`
    select id, session_id from machines
    where replica_id = ${id} and status in ('idle', 'busy') and session_id is not null`;
}
