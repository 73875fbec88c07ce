// How many runs of a workflow or an application may be under way at the same time, and how many are.

import type { Instant, TenantId } from "../rules/names.ts";
import type { Limit, LimitKind, Route } from "../rules/route.ts";
import type { Query, Tx } from "./database.ts";
import type { concurrencyLimits } from "./schema/queue.ts";

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
  // `offset 0`: from each live lease to its run, and not through all that have ended.
  const rows = await query<{ workflow: string; application: string; count: number }[]>`
    select r.workflow, r.application, count(*)::int as count
    from leases l
    cross join lateral (
      select r.workflow, r.application from attempts a join runs r on r.id = a.run_id where a.id = l.attempt_id offset 0) r
    where l.ended_at is null and l.tenant_id = ${tenantId} and l.purpose in ('attempt', 'verify')
    group by r.workflow, r.application`;
  return (kind, name) => rows.filter((row) => row[kind] === name).reduce((sum, row) => sum + row.count, 0);
}

export interface LimitTarget {
  readonly kind: LimitKind;
  readonly name: string;
}

/** A limit, with how much of it is used. */
export interface LimitView
  extends Readonly<Pick<typeof concurrencyLimits.$inferSelect, "kind" | "name" | "max" | "setBy" | "setAt">> {
  readonly used: number;
}

type LimitRow = Omit<LimitView, "used">;

/** By kind and name, byte by byte. */
export async function listLimits(query: Query, tenantId: TenantId, limit: number): Promise<LimitView[]> {
  const rows = await query<LimitRow[]>`
    select kind, name, max, set_by, set_at from concurrency_limits where tenant_id = ${tenantId}
    order by kind collate "C", name collate "C" limit ${limit}`;
  if (rows.length === 0) return [];
  const used = await countUnderWay(query, tenantId);
  return rows.map((row) => ({ ...row, used: used(row.kind, row.name) }));
}

export async function readLimit(query: Query, tenantId: TenantId, of: LimitTarget): Promise<LimitView | undefined> {
  const [row] = await query<LimitRow[]>`
    select kind, name, max, set_by, set_at from concurrency_limits
    where tenant_id = ${tenantId} and kind = ${of.kind} and name = ${of.name}`;
  return row === undefined ? undefined : { ...row, used: (await countUnderWay(query, tenantId))(row.kind, row.name) };
}

/** One that says the same stays whose it was. */
export async function saveLimit(
  tx: Tx,
  tenantId: TenantId,
  limit: LimitTarget & { readonly max: number; readonly by: string; readonly now: Instant },
): Promise<void> {
  await tx`
    insert into concurrency_limits (tenant_id, kind, name, max, set_by, set_at)
    values (${tenantId}, ${limit.kind}, ${limit.name}, ${limit.max}, ${limit.by}, ${limit.now}::timestamptz)
    on conflict (tenant_id, kind, name) do update
    set max = excluded.max, set_by = excluded.set_by, set_at = excluded.set_at
    where concurrency_limits.max <> excluded.max`;
}

/** False when there was none. */
export async function deleteLimit(query: Query, tenantId: TenantId, { kind, name }: LimitTarget): Promise<boolean> {
  const rows = await query`
    delete from concurrency_limits where tenant_id = ${tenantId} and kind = ${kind} and name = ${name} returning name`;
  return rows.length > 0;
}
