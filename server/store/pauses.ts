// Pauses: what they cover does not begin. What is under way goes on, unlike with a halt (`halts.ts`).

import type { Instant, PauseId, TenantId } from "../rules/names.ts";
import type { PauseKind } from "../rules/route.ts";
import type { Query, Tx } from "./database.ts";
import type { pauses } from "./schema/queue.ts";

/** A target as it is stored: the pool's id, the workflow's or the application's name. */
export interface PauseTarget {
  readonly kind: PauseKind;
  readonly target: string;
}

export interface PauseView
  extends Readonly<Pick<typeof pauses.$inferSelect, "id" | "kind" | "reason" | "pausedBy" | "pausedAt">> {
  /** In words that its operator knows: a pool's name. */
  readonly name: string;
}

/** Whether a pause covers the route `t`. */
export const routePaused = (query: Query) => query`exists (
  select 1 from pauses p where p.tenant_id = t.tenant_id and p.ended_at is null and (
    (p.kind = 'pool' and p.target = t.pool_id::text)
    or (p.kind = 'application' and p.target = t.requirement ->> 'application')
    or (p.kind = 'workflow' and p.target = t.workflow)))`;

const view = (query: Query) => query`
  select p.id, p.kind, coalesce(pool.name, p.target) as name, p.reason, p.paused_by, p.paused_at
  from pauses p left join pools pool on pool.id = case when p.kind = 'pool' then p.target::uuid end`;

/** In force, newest first. */
export async function listPauses(query: Query, tenantId: TenantId, limit: number): Promise<PauseView[]> {
  return await query<PauseView[]>`
    ${view(query)} where p.tenant_id = ${tenantId} and p.ended_at is null
    order by p.paused_at desc, p.id desc limit ${limit}`;
}

export async function readPause(query: Query, id: PauseId): Promise<PauseView | undefined> {
  const [row] = await query<PauseView[]>`${view(query)} where p.id = ${id}`;
  return row;
}

/** The pause of this target that is in force from now on, whoever began it. */
export async function savePause(
  tx: Tx,
  tenantId: TenantId,
  pause: PauseTarget & { readonly id: PauseId; readonly reason: string; readonly by: string; readonly now: Instant },
): Promise<PauseId> {
  const { kind, target } = pause;
  const [row] = await tx<{ id: PauseId }[]>`
    insert into pauses (id, tenant_id, kind, target, reason, paused_by, paused_at)
    values (${pause.id}, ${tenantId}, ${kind}, ${target}, ${pause.reason}, ${pause.by}, ${pause.now}::timestamptz)
    on conflict (tenant_id, kind, target) where ended_at is null
    do update set target = excluded.target returning id`;
  if (row === undefined) throw new Error("a pause that was just saved is not there");
  return row.id;
}

/** Ends the pause of this target; undefined when there is none in force. */
export async function endPause(
  tx: Tx,
  tenantId: TenantId,
  { kind, target, by, now }: PauseTarget & { readonly by: string; readonly now: Instant },
): Promise<PauseId | undefined> {
  const [row] = await tx<{ id: PauseId }[]>`
    update pauses set ended_at = ${now}::timestamptz, ended_by = ${by}
    where tenant_id = ${tenantId} and kind = ${kind} and target = ${target} and ended_at is null returning id`;
  return row?.id;
}
