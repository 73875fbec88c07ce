// What is looked at to tell why a run waits: one tenant's rows (G12), and of runs nothing but what placing knows of them (G11).

import type { Shares } from "../rules/fair-share.ts";
import { limits } from "../rules/limits.ts";
import type { Instant, MachineId, OfferId, PoolId, RunId, TenantId } from "../rules/names.ts";
import type { FleetMachine, Usual } from "../rules/obstacles.ts";
import type { Route } from "../rules/route.ts";
import type { RouteGroup, Waiting } from "../rules/waiting.ts";
import type { Query } from "./database.ts";
import { settling } from "./queue.ts";

/** The run while it waits for a machine; `waits` is false when it does not. Undefined when there is no such run. */
export async function readWaiting(
  query: Query,
  tenantId: TenantId,
  id: RunId,
  now: Instant,
): Promise<(Waiting & { readonly waits: boolean }) | undefined> {
  const [row] = await query<(Waiting & { readonly waits: boolean; readonly only: MachineId | null })[]>`
    select r.id, r.route_id as route, r.front, r.priority, r.pool_id, p.name as pool, r.deadline_at,
      r.state in ('queued', 'unsettled') as waits,
      case r.state when 'unsettled' then 'verify' else 'attempt' end as purpose,
      case r.state when 'unsettled' then '{}'::uuid[] else r.avoid end as avoid,
      case when r.state = 'unsettled' and unsettled ->> 'on' = 'same-machine'
        then (unsettled ->> 'machineId')::uuid end as only,
      case when not r.due then r.not_before_at end as not_before_at,
      r.state = 'unsettled' and ${settling(query, now)} as settling
    from runs r join pools p on p.id = r.pool_id
    where r.tenant_id = ${tenantId} and r.id = ${id}`;
  if (row === undefined) return undefined;
  const { only, ...waiting } = row;
  return only === null ? waiting : { ...waiting, only };
}

type FleetRow = Omit<FleetMachine, "offer" | "work"> & {
  readonly offer: OfferId | null;
  readonly workflow: string | null;
  readonly startedAt: Instant;
  readonly deadlineAt: Instant | null;
};

export type SeenMachine = Omit<FleetMachine, "offer"> & { readonly offer: OfferId | null };

/**
 * All machines of the tenant that are not revoked. Cleaning up and finding out take their own time: they are no work here.
 * A machine that was told to restart into a release is kept free for that as well.
 */
export async function readFleet(query: Query, tenantId: TenantId): Promise<SeenMachine[]> {
  const rows = await query<FleetRow[]>`
    select m.id, m.name, m.pool_id, m.offer_id as offer, m.applications, m.status, m.attached_at, m.takeover_at, m.cordoned_at, m.drain_by,
      m.quarantined_until, m.hold, m.desktop,
      m.kept_free or coalesce(l.purpose = 'service', false) as kept_free, m.unclean_attempt_id is not null as unclean, m.unready_until,
      m.unready_verdict, r.workflow, a.started_at, r.deadline_at
    from machines m
    left join leases l on l.machine_id = m.id and l.ended_at is null
    left join attempts a on a.id = l.attempt_id and a.ended_at is null and a.purpose = 'attempt'
    left join runs r on r.id = a.run_id
    where m.tenant_id = ${tenantId} and m.revoked_at is null`;
  return rows.map(({ workflow, startedAt, deadlineAt, ...machine }) => ({
    ...machine,
    work: workflow === null ? null : { workflow, startedAt, deadlineAt },
  }));
}

/** How long the last runs of each workflow that succeeded took: the median. */
export async function readUsual(query: Query, tenantId: TenantId, workflows: readonly string[]): Promise<Usual> {
  const rows = await query<{ workflow: string; ms: number | null }[]>`
    select w as workflow, (
      select percentile_cont(0.5) within group (order by ms)
      from (
        select extract(epoch from ended_at - started_at)::float8 * 1000 as ms from runs
        where tenant_id = ${tenantId} and workflow = w and outcome = 'SUCCEEDED' and unsettled is null and resolution is null
        order by ended_at desc limit ${limits.usualOf}
      ) lately
    ) as ms
    from unnest(${[...new Set(workflows)]}::text[]) w`;
  return Object.fromEntries(rows.flatMap(({ workflow, ms }) => (ms === null ? [] : [[workflow, ms]])));
}

/** Runs of the pool that wait and are as urgent as that one, or more; counted, never read one by one. */
export async function readQueued(
  query: Query,
  poolId: PoolId,
  { id, front, priority }: Waiting,
): Promise<RouteGroup[]> {
  return await query<RouteGroup[]>`
    select route_id as route, front, priority, count(*)::int as runs, (count(*) filter (where id < ${id}))::int as earlier
    from runs
    where pool_id = ${poolId} and state = 'queued' and due
      and (front > ${front} or (front = ${front} and priority >= ${priority}))
    group by route_id, front, priority`;
}

/** Runs of the pool that wait to be settled, and could be now. */
export async function readUnsettled(query: Query, poolId: PoolId, id: RunId, now: Instant): Promise<RouteGroup[]> {
  return await query<RouteGroup[]>`
    select route_id as route, front, priority, count(*)::int as runs, (count(*) filter (where id < ${id}))::int as earlier
    from runs
    where pool_id = ${poolId} and state = 'unsettled' and due and not ${settling(query, now)}
    group by route_id, front, priority`;
}

export async function readRoutes(query: Query, tenantId: TenantId, ids: readonly string[]): Promise<Route[]> {
  return await query<Route[]>`
    select id, workflow, caller, requirement from routes
    where tenant_id = ${tenantId} and id = any(${[...new Set(ids)]}::uuid[])`;
}

/** The shares of all callers of the pool, as they are now. */
export async function readPoolShares(query: Query, poolId: PoolId): Promise<Shares> {
  const rows = await query<{ virtualTime: number; caller: string | null; finish: number }[]>`
    select p.virtual_time, s.caller, s.finish from pools p left join shares s on s.pool_id = p.id where p.id = ${poolId}`;
  const finish = rows.flatMap(({ caller, finish }) => (caller === null ? [] : [[caller, finish] as const]));
  return { virtualTime: rows[0]?.virtualTime ?? 0, finish: Object.fromEntries(finish) };
}
