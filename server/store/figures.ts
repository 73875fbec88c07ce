// Reads what queue and fleet of a tenant are, in groups. Each of the counts is over an index of what is live, or is to be
// settled: the rest of history costs nothing.

import type { FigureFacts, MachineGroup, RunGroup } from "../rules/figures.ts";
import type { DesktopState, HoldReason, MachineStatus } from "../rules/machine.ts";
import type { Instant, MachineId, OfferId, PoolId, TenantId } from "../rules/names.ts";
import type { Route } from "../rules/route.ts";
import { type Query, readNow, type Sql } from "./database.ts";
import { readHolds } from "./holds.ts";
import { readOffers } from "./offers.ts";
import { settling, waitsSince } from "./queue.ts";

/** It is ended then: who asks for numbers holds up nobody. */
const statementMs = 5_000;

/** All of one moment. */
export async function readFigures(sql: Sql, tenantId: TenantId): Promise<FigureFacts> {
  return await sql.begin("isolation level repeatable read read only", async (tx) => {
    await tx`select set_config('statement_timeout', ${`${statementMs}`}, true)`;
    const now = await readNow(tx);
    const [pools, runs, holds, underWay, unknown] = await Promise.all([
      tx<{ id: PoolId; name: string }[]>`select id, name from pools where tenant_id = ${tenantId}`,
      readRunGroups(tx, tenantId, now),
      readHolds(tx, tenantId),
      readUnderWay(tx, tenantId),
      readUnknown(tx, tenantId),
    ]);
    return {
      runs,
      routes: await tx<(Route & { poolId: PoolId })[]>`
        select id, pool_id, workflow, caller, requirement from routes
        where tenant_id = ${tenantId} and id = any(${[...new Set(runs.map(({ route }) => route))]}::uuid[])`,
      machines: await readMachineGroups(tx, tenantId, now),
      pools: new Map(pools.map(({ id, name }) => [id, name])),
      holds,
      underWay,
      unknown,
      now,
    };
  });
}

async function readRunGroups(query: Query, tenantId: TenantId, now: Instant): Promise<RunGroup[]> {
  const figures = query`count(*)::int as runs, min(${waitsSince(query)}) as since`;
  // State by state and pool by pool, as the indexes of waiting runs are.
  return await query<RunGroup[]>`
    select w.* from pools p cross join lateral (
      select route_id as route, 'queued' as state, 'now' as waits, ${figures}
      from runs r where pool_id = p.id and state = 'queued' and due group by route_id
      union all
      select route_id, 'unsettled', case when settles then 'settling' else 'now' end, ${figures}
      from (select r.*, ${settling(query, now)} as settles from runs r
            where pool_id = p.id and state = 'unsettled' and due) r group by route_id, settles
    ) w where p.tenant_id = ${tenantId}
    union all
    select route_id, state, 'later', ${figures} from runs r
    where tenant_id = ${tenantId} and not due group by route_id, state`;
}

/** The same runs as limits count (`concurrency.ts`). */
async function readUnderWay(query: Query, tenantId: TenantId): Promise<FigureFacts["underWay"][number][]> {
  return await query<FigureFacts["underWay"][number][]>`
    select r.workflow, r.application, count(*)::int as runs
    from leases l join attempts a on a.id = l.attempt_id join runs r on r.id = a.run_id
    where l.ended_at is null and l.tenant_id = ${tenantId} and l.purpose in ('attempt', 'verify')
    group by r.workflow, r.application`;
}

/** Whoever settles a run gives it another outcome, or lets it be tried again. */
async function readUnknown(query: Query, tenantId: TenantId): Promise<FigureFacts["unknown"][number][]> {
  return await query<FigureFacts["unknown"][number][]>`
    select workflow, count(*)::int as runs from runs
    where tenant_id = ${tenantId} and state = 'ended' and outcome = 'UNKNOWN' group by workflow`;
}

interface GroupRow {
  id: MachineId;
  poolId: PoolId;
  offerId: OfferId | null;
  applications: string[];
  status: MachineStatus;
  cordonedAt: Instant | null;
  drainBy: Instant | null;
  quarantinedUntil: Instant | null;
  hold: HoldReason | null;
  desktop: DesktopState | null;
  kept: boolean;
  unclean: boolean;
  unreadyUntil: Instant | null;
  machines: number;
}

/** Machines that are halted one by one are a group of their own, and so are those that are kept free (`readFleet`). */
async function readMachineGroups(query: Query, tenantId: TenantId, now: Instant): Promise<MachineGroup[]> {
  const later = (column: string) => query`${query.unsafe(column)} > ${now}::timestamptz`;
  const rows = await query<GroupRow[]>`
    select (array_agg(id))[1] as id, pool_id, offer_id, applications, status, min(cordoned_at) as cordoned_at, min(drain_by) as drain_by,
      min(quarantined_until) as quarantined_until, hold, desktop, kept, unclean_attempt_id is not null as unclean,
      min(unready_until) as unready_until, count(*)::int as machines
    from (
      select m.*, m.kept_free or coalesce(l.purpose = 'service', false) as kept, exists (
        select 1 from halts h where h.tenant_id = m.tenant_id and h.resumed_at is null and h.kind = 'machine'
          and h.target = m.id::text) as halted
      from machines m left join leases l on l.machine_id = m.id and l.ended_at is null
      where m.tenant_id = ${tenantId} and m.revoked_at is null
    ) fleet
    group by pool_id, offer_id, applications, status, hold, desktop, kept, halted, unclean_attempt_id is not null, cordoned_at is null,
      drain_by is null, ${later("quarantined_until")}, ${later("unready_until")}`;
  const offers = await readOffers(query, [...new Set(rows.flatMap(({ offerId }) => offerId ?? []))]);
  const known = new Map(offers.map((offer) => [offer.id, offer]));
  return rows.map(({ offerId, machines, kept, ...like }) => ({
    machines,
    like: {
      ...like,
      name: "",
      keptFree: kept,
      unreadyVerdict: null,
      offer: offerId === null ? undefined : known.get(offerId),
      attachedAt: null,
      takeoverAt: null,
      work: null,
    },
  }));
}
