// The queue, as placing reads it: which routes have runs that wait, and the first runs of each route that a free machine fits,
// so that neither the length of the queue nor runs that nothing fits, that are paused or whose time has not come cost anything.

import { limits } from "../rules/limits.ts";
import type { Instant, MachineId, OfferId, PoolId, RouteId, TenantId } from "../rules/names.ts";
import type { WaitingRun } from "../rules/placement.ts";
import type { Route } from "../rules/route.ts";
import { json, type Query, type Sql, type Tx } from "./database.ts";
import { machineHalted, routeHalted } from "./halts.ts";
import { routePaused } from "./pauses.ts";

export interface LockedPool {
  readonly tenantId: TenantId;
  readonly virtualTime: number;
}

/**
 * The pool when this transaction is now its one placer; undefined when another replica's is. `no key`: a run that is being
 * started refers to the pool, and must not look like a placer, nor wait for one.
 */
export async function lockPool(tx: Tx, poolId: PoolId): Promise<LockedPool | undefined> {
  const [, [row]] = await Promise.all([
    // What follows is planned once, and not anew for each pass: its plans need to know no values.
    tx`set local plan_cache_mode = force_generic_plan`,
    tx<LockedPool[]>`select tenant_id, virtual_time from pools where id = ${poolId} for no key update skip locked`,
  ]);
  return row;
}

/** Waits until no placer is in the middle of something in any pool of the tenant, and lets none begin until the end of `tx`. */
export async function holdPlacers(tx: Tx, tenantId: TenantId): Promise<void> {
  await tx`select 1 from pools where tenant_id = ${tenantId} order by id for no key update`;
}

/** Runs whose time has come are in the queue from now on; true when there may be more of them. */
export async function makeDue(sql: Sql, now: Instant): Promise<boolean> {
  const made = await sql`
    update runs set due = true where id = any(array(
      select id from runs where not due and not_before_at <= ${now}::timestamptz
      order by not_before_at limit ${dueAtOnce} for no key update skip locked)) returning 1`;
  return made.length === dueAtOnce;
}

/** A statement locks so many rows, and no more. */
const dueAtOnce = 1000;

/** Whether the machine `m` can be given something to do. */
export const machineFree = (query: Query, now: Instant) => query`
  m.status = 'idle' and m.revoked_at is null and not m.kept_free and m.cordoned_at is null
  and m.unclean_attempt_id is null and m.hold is null and coalesce(m.desktop, 'PRESENT') = 'PRESENT'
  and (m.unready_until is null or m.unready_until <= ${now}::timestamptz)
  and (m.quarantined_until is null or m.quarantined_until <= ${now}::timestamptz) and not ${machineHalted(query)}`;

/** The routes of the pool of which runs wait in this state, but for those that are halted or paused. */
export async function waitingRoutes(query: Query, poolId: PoolId, state: "queued" | "unsettled"): Promise<Route[]> {
  // As a literal: the index is of this state alone.
  const waits = query.unsafe(`state = '${state}' and due`);
  // From one route to the next in the index.
  return await query<Route[]>`
    with recursive waiting as (
      (select route_id from runs where pool_id = ${poolId} and ${waits} order by route_id limit 1)
      union all
      select (select r.route_id from runs r where r.pool_id = ${poolId} and ${waits} and r.route_id > waiting.route_id
              order by r.route_id limit 1)
      from waiting where waiting.route_id is not null
    )
    select t.id, t.workflow, t.caller, t.requirement from waiting join routes t on t.id = waiting.route_id
    where not ${routeHalted(query)} and not ${routePaused(query)}`;
}

/** A route, and those of the offers of free machines that fit it. */
export interface FittingOffers {
  readonly route: RouteId;
  readonly offers: readonly OfferId[];
}

/** As a literal, at least `count`: with a number that it does not know Postgres plans for many, and anew each time. */
const limitOf = (query: Query, count: number) => query.unsafe(`limit ${2 ** Math.ceil(Math.log2(Math.max(1, count)))}`);

/**
 * The first `perRoute` waiting runs of each of the routes, or a few more, without those that avoid every free machine that
 * fits: they would hold up the others.
 */
export async function queueHead(
  query: Query,
  poolId: PoolId,
  fitting: readonly FittingOffers[],
  perRoute: number,
  now: Instant,
): Promise<WaitingRun[]> {
  return await query<WaitingRun[]>`
    select head.*, f.route, 'attempt' as purpose
    from jsonb_to_recordset(${json(fitting)}::jsonb) as f(route uuid, offers text[])
    cross join lateral (
      select id, front, priority, avoid, attempts_used + 1 < attempts_max as tries_left from runs r
      where pool_id = ${poolId} and state = 'queued' and due and route_id = f.route
        and deadline_at > ${now}::timestamptz and (avoid = '{}' or exists (
          select 1 from machines m
          where m.pool_id = ${poolId} and m.offer_id = any(f.offers) and ${machineFree(query, now)}
            and m.id <> all(r.avoid)))
      order by front desc nulls last, priority desc nulls last, id ${limitOf(query, perRoute)}
    ) head`;
}

/**
 * The first runs of the routes that wait for a machine on which it can be found out whether they committed, and for which there
 * is one now: the others may wait for long, and would hold them up. While the machine that left it so is there and not cleaned up,
 * its application may still commit after somebody has looked: that is waited for. So is the end of that attempt's lease, where it
 * outlives the attempt because its agent may still be injecting, and as long after it as an application needs.
 */
export async function unsettledHead(
  query: Query,
  poolId: PoolId,
  fitting: readonly FittingOffers[],
  perRoute: number,
  now: Instant,
): Promise<WaitingRun[]> {
  const rows = await query<(WaitingRun & { only: MachineId | null })[]>`
    select head.*, f.route, '{}'::uuid[] as avoid, false as tries_left, 'verify' as purpose
    from jsonb_to_recordset(${json(fitting)}::jsonb) as f(route uuid, offers text[])
    cross join lateral (
      select id, front, priority,
        case when unsettled ->> 'on' = 'same-machine' then (unsettled ->> 'machineId')::uuid end as only
      from runs r
      where pool_id = ${poolId} and state = 'unsettled' and due and route_id = f.route
        and deadline_at > ${now}::timestamptz and exists (
          select 1 from machines m
          where m.pool_id = ${poolId} and m.offer_id = any(f.offers) and ${machineFree(query, now)}
            and (unsettled ->> 'on' <> 'same-machine' or m.id = (unsettled ->> 'machineId')::uuid
              and (m.attached_at is null or m.attached_at <= ${now - limits.verifyAfterMs}::timestamptz)))
        and not ${settling(query, now)}
      order by front desc, priority desc, id limit ${perRoute}
    ) head`;
  return rows.map(({ only, ...row }) => (only === null ? row : { ...row, only }));
}

/** Whether what the unsettled run `r` may have committed can still take hold: nobody looks before that is over. */
export const settling = (query: Query, now: Instant) => query`(
  exists (
    select 1 from machines m
    where m.id = (unsettled ->> 'machineId')::uuid and m.unclean_attempt_id is not null and m.status <> 'offline')
  or exists (
    select 1 from attempts a join leases l on l.id = a.lease_id
    where a.id = (unsettled ->> 'attemptId')::uuid and (l.ended_at is null
      or (l.ended_at > a.ended_at and l.ended_at > ${now - limits.verifyAfterMs}::timestamptz))))`;

/**
 * Since when the run `r`, which waits, has waited: since it was started, or its last attempt was over (what cleans up after it
 * is none of its own), or a person let it be tried again, or its time came.
 */
export const waitsSince = (query: Query) => query`
  greatest(r.created_at, r.not_before_at, to_timestamp((r.resolution ->> 'at')::float8 / 1000), case when r.attempt_count > 0 then (
    select max(a.ended_at) from attempts a where a.run_id = r.id and a.purpose <> 'upkeep') end)`;

/** Pools in which runs wait and machines are idle, or machines are to be cleaned up. */
export async function poolsToPlace(query: Query): Promise<PoolId[]> {
  // In the order of the index, or Postgres may look for the first one through all that have ended.
  const waits = (state: "queued" | "unsettled") => query`(
    select true from runs r where r.pool_id = p.id and r.${query.unsafe(`state = '${state}'`)} and due
    order by r.route_id limit 1)`;
  const rows = await query<{ id: PoolId }[]>`
    select p.id from pools p
    where exists (
        select 1 from machines m
        where m.pool_id = p.id and m.status = 'idle' and m.unclean_attempt_id is not null)
      or exists (select 1 from machines m where m.pool_id = p.id and m.status = 'idle') and (
        ${waits("queued")} or ${waits("unsettled")})`;
  return rows.map((row) => row.id);
}
