// How many runs of a workflow or an application may be under way at the same time, and how many are.

import type { TenantId } from "../rules/names.ts";
import type { Limit, LimitKind, Route } from "../rules/route.ts";
import type { Query, Tx } from "./database.ts";

/**
 * The limits that concern the routes, with what is left of each, under lock: until the end of the transaction no placer of another
 * pool counts on the same. Lock order: pools, limits, runs, machines.
 */
export async function lockLimits(tx: Tx, tenantId: TenantId, routes: readonly Route[]): Promise<Limit[]> {
  const workflows = [...new Set(routes.map((route) => route.workflow))];
  const applications = [...new Set(routes.map((route) => route.requirement.application))];
  const rows = await tx<{ kind: LimitKind; name: string; max: number }[]>`
    select kind, name, max from concurrency_limits
    where tenant_id = ${tenantId} and (
      (kind = 'workflow' and name = any(${workflows}::text[]))
      or (kind = 'application' and name = any(${applications}::text[])))
    order by kind, name for no key update`;
  if (rows.length === 0) return [];
  const used = await countUnderWay(tx, tenantId);
  return rows.map(({ kind, name, max }) => ({ kind, name, left: max - used(kind, name) }));
}

/** How many runs have a machine, by workflow and by application. A lease that is fenced still counts: its agent may inject. */
export async function countUnderWay(
  query: Query,
  tenantId: TenantId,
): Promise<(kind: LimitKind, name: string) => number> {
  const rows = await query<{ workflow: string; application: string; count: number }[]>`
    select r.workflow, r.application, count(*)::int as count
    from leases l join attempts a on a.id = l.attempt_id join runs r on r.id = a.run_id
    where l.ended_at is null and l.tenant_id = ${tenantId} and l.purpose in ('attempt', 'verify')
    group by r.workflow, r.application`;
  return (kind, name) => rows.filter((row) => row[kind] === name).reduce((sum, row) => sum + row.count, 0);
}
