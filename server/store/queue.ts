// The waiting runs, as placing reads them: the head of each route, so that neither the length of the queue nor runs that
// nothing fits cost anything.

import { limits } from "../rules/limits.ts";
import type { Instant, MachineId, PoolId, RunId } from "../rules/names.ts";
import type { WaitingRun } from "../rules/placement.ts";
import type { Query, Tx } from "./database.ts";
import { machineHalted, runHalted } from "./halts.ts";

/**
 * True when this transaction is now the one placer of the pool; another replica's is under way otherwise. `no key`: a run
 * that is being started refers to the pool, and must not look like a placer, nor wait for one.
 */
export async function lockPool(tx: Tx, poolId: PoolId): Promise<boolean> {
  return (await tx`select 1 from pools where id = ${poolId} for no key update skip locked`).length === 1;
}

/** Whether the machine `m` can be given something to do. */
export const machineFree = (query: Query, now: Instant) => query`
  m.status = 'idle' and m.revoked_at is null and not m.kept_free and m.cordoned_at is null
  and m.unclean_attempt_id is null and m.hold is null and coalesce(m.desktop, 'PRESENT') = 'PRESENT'
  and (m.unready_until is null or m.unready_until <= ${now}::timestamptz) and not ${machineHalted(query)}`;

/**
 * The first `perRoute` waiting runs of each route of the pool, without those that avoid every idle machine of their route:
 * they would hold up the others. A route is the name of the application (for now).
 */
export async function queueHead(query: Query, poolId: PoolId, perRoute: number, now: Instant): Promise<WaitingRun[]> {
  // Routes by skipping from one to the next in the index, then a range of the index for each.
  return await query<{ id: RunId; application: string; priority: number; avoid: MachineId[]; purpose: "attempt" }[]>`
    with recursive routes as (
      (select route from runs where pool_id = ${poolId} and state = 'queued' order by route limit 1)
      union all
      select (select r.route from runs r where r.pool_id = ${poolId} and r.state = 'queued' and r.route > routes.route
              order by r.route limit 1)
      from routes where routes.route is not null
    )
    select head.id, head.route as application, head.priority, head.avoid, 'attempt' as purpose
    from routes cross join lateral (
      select id, route, priority, avoid from runs r
      where pool_id = ${poolId} and state = 'queued' and route = routes.route
        and (not_before_at is null or not_before_at <= ${now}::timestamptz) and not ${runHalted(query)}
        and (avoid = '{}' or exists (
          select 1 from machines m
          where m.pool_id = ${poolId} and ${machineFree(query, now)}
            and r.route = any(m.applications) and m.id <> all(r.avoid)))
      order by priority desc, id limit ${perRoute}
    ) head
    where routes.route is not null`;
}

/**
 * The first runs of the pool that wait for a machine on which it can be found out whether they committed, and for which there is
 * one now: the others may wait for long, and would hold them up. While the machine that left it so is there and not cleaned up, its
 * application may still commit after somebody has looked: that is waited for. So is the end of that attempt's lease, where it
 * outlives the attempt because its agent may still be injecting, and as long after it as an application needs.
 */
export async function unsettledHead(query: Query, poolId: PoolId, limit: number, now: Instant): Promise<WaitingRun[]> {
  const rows = await query<{ id: RunId; application: string; priority: number; only: MachineId | null }[]>`
    select id, route as application, priority,
      case when unsettled ->> 'on' = 'same-machine' then (unsettled ->> 'machineId')::uuid end as only
    from runs r
    where pool_id = ${poolId} and state = 'unsettled'
      and (not_before_at is null or not_before_at <= ${now}::timestamptz) and not ${runHalted(query)}
      and exists (
        select 1 from machines m
        where m.pool_id = ${poolId} and ${machineFree(query, now)} and r.route = any(m.applications)
          and (unsettled ->> 'on' <> 'same-machine' or m.id = (unsettled ->> 'machineId')::uuid
            and (m.attached_at is null or m.attached_at <= ${now - limits.verifyAfterMs}::timestamptz)))
      and not exists (
        select 1 from machines m
        where m.id = (unsettled ->> 'machineId')::uuid and m.unclean_attempt_id is not null and m.status <> 'offline')
      and not exists (
        select 1 from attempts a join leases l on l.id = a.lease_id
        where a.id = (unsettled ->> 'attemptId')::uuid and (l.ended_at is null
          or (l.ended_at > a.ended_at and l.ended_at > ${now - limits.verifyAfterMs}::timestamptz)))
    order by id limit ${limit}`;
  return rows.map(({ only, ...row }) => ({
    ...row,
    avoid: [],
    purpose: "verify",
    ...(only === null ? {} : { only }),
  }));
}

/** Pools in which runs wait and machines are idle, or machines are to be cleaned up. */
export async function poolsToPlace(query: Query): Promise<PoolId[]> {
  const rows = await query<{ id: PoolId }[]>`
    select p.id from pools p
    where exists (
        select 1 from machines m
        where m.pool_id = p.id and m.status = 'idle' and m.unclean_attempt_id is not null)
      or exists (select 1 from machines m where m.pool_id = p.id and m.status = 'idle') and (
        exists (select 1 from runs r where r.pool_id = p.id and r.state = 'queued')
        or exists (select 1 from runs r where r.pool_id = p.id and r.state = 'unsettled'))`;
  return rows.map((row) => row.id);
}
