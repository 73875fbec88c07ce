// Halts (G14): which are in force, what they cover, and which attempts do not yet hold as they say.

import type { HaltKind } from "../rules/halt.ts";
import type { HoldReason } from "../rules/machine.ts";
import type { AttemptId, HaltId, Instant, MachineId, RunId, TenantId } from "../rules/names.ts";
import type { Query, Tx } from "./database.ts";
import type { halts } from "./schema/halts.ts";

/** A target as it is stored: the machine's or the pool's id, the workflow's or the application's name; empty for the tenant. */
export interface HaltTarget {
  readonly kind: HaltKind;
  readonly target: string;
}

export interface HaltView
  extends Readonly<Pick<typeof halts.$inferSelect, "id" | "kind" | "reason" | "haltedBy" | "haltedAt">> {
  /** In words that its operator knows: the machine's or the pool's name. */
  readonly name: string;
}

/** Whether a halt covers the route `t`: nothing of it may begin. */
export const routeHalted = (query: Query) => query`exists (
  select 1 from halts h where h.tenant_id = t.tenant_id and h.resumed_at is null and (
    h.kind = 'tenant' or (h.kind = 'pool' and h.target = t.pool_id::text)
    or (h.kind = 'application' and h.target = t.requirement ->> 'application')
    or (h.kind = 'workflow' and h.target = t.workflow)))`;

/** Whether a halt covers the machine `m`, whatever it is leased for. */
export const machineHalted = (query: Query) => query`exists (
  select 1 from halts h where h.tenant_id = m.tenant_id and h.resumed_at is null and (
    h.kind = 'tenant' or (h.kind = 'pool' and h.target = m.pool_id::text)
    or (h.kind = 'machine' and h.target = m.id::text)))`;

/** Whether a halt covers the machine `m` or the run `r` that it is leased for, if any: of whatever purpose. */
export const leaseHalted = (query: Query) => query`exists (
  select 1 from halts h where h.tenant_id = m.tenant_id and h.resumed_at is null and (
    h.kind = 'tenant' or (h.kind = 'pool' and h.target = m.pool_id::text)
    or (h.kind = 'machine' and h.target = m.id::text)
    or (h.kind = 'application' and h.target = r.application) or (h.kind = 'workflow' and h.target = r.workflow)))`;

const view = (query: Query) => query`
  select h.id, h.kind, coalesce(m.name, p.name, h.target) as name, h.reason, h.halted_by, h.halted_at
  from halts h
  left join machines m on m.id = case when h.kind = 'machine' then h.target::uuid end
  left join pools p on p.id = case when h.kind = 'pool' then h.target::uuid end`;

/** In force, newest first. */
export async function listHalts(query: Query, tenantId: TenantId, limit: number): Promise<HaltView[]> {
  return await query<HaltView[]>`
    ${view(query)} where h.tenant_id = ${tenantId} and h.resumed_at is null
    order by h.halted_at desc, h.id desc limit ${limit}`;
}

export async function readHalt(query: Query, id: HaltId): Promise<HaltView | undefined> {
  const [row] = await query<HaltView[]>`${view(query)} where h.id = ${id}`;
  return row;
}

/** The halt of this target that is in force from now on, whoever began it. */
export async function saveHalt(
  tx: Tx,
  tenantId: TenantId,
  halt: HaltTarget & { readonly id: HaltId; readonly reason: string; readonly by: string; readonly now: Instant },
): Promise<HaltId> {
  const { kind, target } = halt;
  const [row] = await tx<{ id: HaltId }[]>`
    insert into halts (id, tenant_id, kind, target, reason, halted_by, halted_at)
    values (${halt.id}, ${tenantId}, ${kind}, ${target}, ${halt.reason}, ${halt.by}, ${halt.now}::timestamptz)
    on conflict (tenant_id, kind, target) where resumed_at is null
    do update set target = excluded.target returning id`;
  if (row === undefined) throw new Error("a halt that was just saved is not there");
  return row.id;
}

/** Ends the halt of this target; undefined when there is none in force. */
export async function endHalt(
  tx: Tx,
  tenantId: TenantId,
  { kind, target, by, now }: HaltTarget & { readonly by: string; readonly now: Instant },
): Promise<HaltId | undefined> {
  const [row] = await tx<{ id: HaltId }[]>`
    update halts set resumed_at = ${now}::timestamptz, resumed_by = ${by}
    where tenant_id = ${tenantId} and kind = ${kind} and target = ${target} and resumed_at is null returning id`;
  return row?.id;
}

/** An operator says that a machine shall go on although a person was at its mouse. */
export async function raiseResumeNumber(tx: Tx, machineId: MachineId): Promise<void> {
  await tx`
    update machines set resume_number = resume_number + 1, generation = generation + 1 where id = ${machineId}`;
}

/** A live attempt that does not hold as it should, or holds and should not. */
export interface HoldDue {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly upkeep: boolean;
  /** Why it should hold; null: it should go on. */
  readonly why: HoldReason | null;
}

/**
 * Live attempts whose hold is not what halts and people want of it. One on a machine that is away is left as it is until
 * the machine is back.
 */
export async function holdsDue(query: Query, limit: number): Promise<HoldDue[]> {
  return await query<HoldDue[]>`
    select * from (
      select a.run_id, a.id as attempt_id, a.purpose = 'upkeep' as upkeep, a.held ->> 'why' as held,
        case when ${leaseHalted(query)} then 'HALTED' else m.hold end as why
      from attempts a join machines m on m.id = a.machine_id join runs r on r.id = a.run_id
      where a.ended_at is null and m.status = 'busy' and (
        a.held is not null or m.hold is not null or (select exists (select 1 from halts where resumed_at is null)))
    ) live
    where why is distinct from held order by attempt_id limit ${limit}`;
}
