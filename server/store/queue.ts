// The waiting runs, as placing reads them: the head of each route, so that neither the length of the queue nor runs that
// nothing fits cost anything.

import type { MachineId, PoolId, RunId } from "../rules/names.ts";
import type { WaitingRun } from "../rules/placement.ts";
import type { Query, Tx } from "./database.ts";

/**
 * True when this transaction is now the one placer of the pool; another replica's is under way otherwise. `no key`: a run
 * that is being started refers to the pool, and must not look like a placer, nor wait for one.
 */
export async function lockPool(tx: Tx, poolId: PoolId): Promise<boolean> {
  return (await tx`select 1 from pools where id = ${poolId} for no key update skip locked`).length === 1;
}

/**
 * The first `perRoute` waiting runs of each route of the pool, without those that avoid every idle machine of their route:
 * they would hold up the others. A route is the name of the application (for now).
 */
export async function queueHead(query: Query, poolId: PoolId, perRoute: number): Promise<WaitingRun[]> {
  // Routes by skipping from one to the next in the index, then a range of the index for each.
  return await query<{ id: RunId; application: string; priority: number; avoid: MachineId[] }[]>`
    with recursive routes as (
      (select route from runs where pool_id = ${poolId} and state = 'queued' order by route limit 1)
      union all
      select (select r.route from runs r where r.pool_id = ${poolId} and r.state = 'queued' and r.route > routes.route
              order by r.route limit 1)
      from routes where routes.route is not null
    )
    select head.id, head.route as application, head.priority, head.avoid
    from routes cross join lateral (
      select id, route, priority, avoid from runs r
      where pool_id = ${poolId} and state = 'queued' and route = routes.route
        and (avoid = '{}' or exists (
          select 1 from machines m
          where m.pool_id = ${poolId} and m.status = 'idle' and m.revoked_at is null and not m.kept_free
            and r.route = any(m.applications) and m.id <> all(r.avoid)))
      order by priority desc, id limit ${perRoute}
    ) head
    where routes.route is not null`;
}

/** Pools in which runs wait and machines are idle. */
export async function poolsToPlace(query: Query): Promise<PoolId[]> {
  const rows = await query<{ id: PoolId }[]>`
    select p.id from pools p
    where exists (select 1 from runs r where r.pool_id = p.id and r.state = 'queued')
      and exists (select 1 from machines m where m.pool_id = p.id and m.status = 'idle')`;
  return rows.map((row) => row.id);
}
