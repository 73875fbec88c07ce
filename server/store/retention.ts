// What is kept no longer: found by its age, locked, and deleted with all that belongs to it.
//
// What is locked here is old, and nobody else waits for it; what somebody else has locked is passed over.

import type { ArtifactId, Instant, RunId, TenantId } from "../rules/names.ts";
import type { CutOffs, KeptRun, Retention, RetentionSet } from "../rules/retention.ts";
import type { Outcome } from "../rules/run.ts";
import { json, type Query, type Tx } from "./database.ts";
import type { retentions } from "./schema/retention.ts";

export async function readRetention(query: Query, tenantId: TenantId): Promise<RetentionSet> {
  const [row] = await query<RetentionSet[]>`
    select runs_ms, artifacts_ms from retentions where tenant_id = ${tenantId}`;
  return row ?? { runsMs: null, artifactsMs: null };
}

/** Of all tenants. */
export async function readRetentions(query: Query): Promise<(typeof retentions.$inferSelect)[]> {
  return await query<(typeof retentions.$inferSelect)[]>`
    select t.id as tenant_id, r.runs_ms, r.artifacts_ms from tenants t left join retentions r on r.tenant_id = t.id`;
}

/** What is absent stays as it is. */
export async function saveRetention(
  query: Query,
  tenantId: TenantId,
  { runsMs, artifactsMs }: Partial<Retention>,
): Promise<RetentionSet> {
  const [row] = await query<RetentionSet[]>`
    insert into retentions as r (tenant_id, runs_ms, artifacts_ms)
    values (${tenantId}, ${runsMs ?? null}::bigint, ${artifactsMs ?? null}::bigint)
    on conflict (tenant_id) do update set
      runs_ms = coalesce(excluded.runs_ms, r.runs_ms), artifacts_ms = coalesce(excluded.artifacts_ms, r.artifacts_ms)
    returning runs_ms, artifacts_ms`;
  if (row === undefined) throw new Error(`the retention of tenant ${tenantId} was not saved`);
  return row;
}

export interface Due extends CutOffs {
  readonly tenantId: TenantId;
  readonly runs: boolean;
  readonly artifacts: boolean;
}

/**
 * The tenants that have something that may be kept no longer, and of what kind. Each looks at the oldest by its index and no
 * further, whatever the planner believes of how much there is.
 */
export async function tenantsWithDue(
  query: Query,
  tenants: readonly (CutOffs & { readonly tenantId: TenantId })[],
): Promise<Due[]> {
  const rows = await query<{ tenantId: TenantId; runs: boolean; artifacts: boolean }[]>`
    select d.tenant_id,
      (select true from runs r where r.tenant_id = d.tenant_id and ${endedKnown(query)} and r.ended_at <= d.runs_ended_by
       order by r.ended_at limit 1) is not null as runs,
      (select true from artifacts x where x.tenant_id = d.tenant_id and x.created_at <= d.artifacts_made_by
       order by x.created_at limit 1) is not null as artifacts
    from jsonb_to_recordset(${json(tenants.map(cutOffRow))}::jsonb)
      as d(tenant_id uuid, runs_ended_by timestamptz, artifacts_made_by timestamptz)`;
  const cut = new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
  return rows.flatMap(({ tenantId, runs, artifacts }) => {
    const known = cut.get(tenantId);
    return known === undefined || !(runs || artifacts) ? [] : [{ ...known, runs, artifacts }];
  });
}

const cutOffRow = ({ tenantId, runsEndedBy, artifactsMadeBy }: CutOffs & { readonly tenantId: TenantId }) => ({
  tenant_id: tenantId,
  runs_ended_by: new Date(runsEndedBy).toISOString(),
  artifacts_made_by: new Date(artifactsMadeBy).toISOString(),
});

/** The run `r` has ended, and somebody knows how: age may delete it (`rules/retention.ts`). */
const endedKnown = (query: Query) => query`r.state = 'ended' and r.outcome <> 'UNKNOWN'`;

/** A machine is to be cleaned up after the run `r`, or it holds one: a machine that was revoked never will be. */
const inUse = (query: Query) => query`exists (
  select 1 from attempts a
  where a.run_id = r.id and (a.ended_at is null
    or exists (select 1 from leases l where l.attempt_id = a.id and l.ended_at is null)
    or a.id in (
      select m.unclean_attempt_id from machines m where m.unclean_attempt_id is not null and m.revoked_at is null)))`;

export interface OldArtifact {
  readonly id: ArtifactId;
  readonly runId: RunId;
}

/** The oldest that are kept no longer, but for those that are `passed` over, locked. */
export async function lockDueArtifacts(
  tx: Tx,
  { tenantId, artifactsMadeBy }: Due,
  passed: readonly ArtifactId[],
  limit: number,
): Promise<OldArtifact[]> {
  return await tx<OldArtifact[]>`
    select id, run_id from artifacts
    where tenant_id = ${tenantId} and created_at <= ${artifactsMadeBy}::timestamptz and id <> all(${[...passed]}::uuid[])
    order by created_at limit ${limit} for update skip locked`;
}

/**
 * Returns those of their runs that have no artifact any more and ended before any that is kept was made, locked. One that
 * somebody else has locked is passed over: whoever deletes it waits for these artifacts.
 */
export async function deleteArtifacts(
  tx: Tx,
  { artifactsMadeBy }: CutOffs,
  artifacts: readonly OldArtifact[],
): Promise<{ id: RunId }[]> {
  await tx`delete from artifacts where id = any(${artifacts.map(({ id }) => id)}::uuid[])`;
  const runIds = [...new Set(artifacts.map(({ runId }) => runId))];
  const locked = await tx<{ id: RunId }[]>`
    select id from runs
    where id = any(${runIds}::uuid[]) and state = 'ended' and ended_at <= ${artifactsMadeBy}::timestamptz
    for update skip locked`;
  // Looked for once the lock was got, so that it is the present: who saves an artifact has the run locked for a moment.
  return await tx<{ id: RunId }[]>`
    select r.id from runs r
    where r.id = any(${locked.map(({ id }) => id)}::uuid[]) and not exists (select 1 from artifacts where run_id = r.id)`;
}

/** Those that ended first of those that may be kept no longer, but for those that are `passed` over, locked. */
export async function lockDueRuns(
  tx: Tx,
  { tenantId, runsEndedBy }: Due,
  passed: readonly RunId[],
  limit: number,
): Promise<RunId[]> {
  const rows = await tx<{ id: RunId }[]>`
    select r.id from runs r
    where r.tenant_id = ${tenantId} and ${endedKnown(tx)}
      and r.ended_at <= ${runsEndedBy}::timestamptz and r.id <> all(${[...passed]}::uuid[]) and not ${inUse(tx)}
    order by r.ended_at limit ${limit} for update skip locked`;
  return rows.map(({ id }) => id);
}

/** Waits for whoever changes the run. False when there is none. */
export async function lockRunToPurge(tx: Tx, tenantId: TenantId, id: RunId): Promise<boolean> {
  const rows = await tx`select 1 from runs where id = ${id} and tenant_id = ${tenantId} for update`;
  return rows.length === 1;
}

/** What is to be decided about runs that are locked: read after the lock was got, so that it is the present. */
export async function readKept(tx: Tx, ids: readonly RunId[]): Promise<(KeptRun & { readonly id: RunId })[]> {
  const rows = await tx<{ id: RunId; outcome: Outcome | null; endedAt: Instant | null; inUse: boolean }[]>`
    select r.id, r.outcome, r.ended_at, ${inUse(tx)} as in_use from runs r where r.id = any(${[...ids]}::uuid[])`;
  return rows.map(({ id, outcome, endedAt, inUse }) =>
    outcome === null || endedAt === null ? { id, inUse } : { id, inUse, end: { outcome, at: endedAt } },
  );
}

/** Deletes runs that are locked, with all that belongs to them. That their idempotency keys were used stays known (G5). */
export async function deleteRuns(tx: Tx, ids: readonly RunId[], now: Instant): Promise<void> {
  const runIds = [...ids];
  await tx`
    insert into spent_keys (tenant_id, key_hash, spent_at)
    select tenant_id, sha256(convert_to(idempotency_key, 'UTF8')), ${now}::timestamptz from runs
    where id = any(${runIds}::uuid[]) and idempotency_key is not null
    on conflict (tenant_id, key_hash) do update set spent_at = excluded.spent_at`;
  const attempts = () => tx`(select id from attempts where run_id = any(${runIds}::uuid[]))`;
  await tx`delete from artifacts where run_id = any(${runIds}::uuid[])`;
  await tx`delete from commands where attempt_id in ${attempts()}`;
  await tx`delete from leases where attempt_id in ${attempts()}`;
  await tx`delete from events where run_id = any(${runIds}::uuid[])`;
  await tx`delete from attempts where run_id = any(${runIds}::uuid[])`;
  await tx`delete from runs where id = any(${runIds}::uuid[])`;
}

/** Forgets keys that were spent by then; returns how many, at most `limit`. */
export async function forgetSpentKeys(query: Query, spentBy: Instant, limit: number): Promise<number> {
  const rows = await query`
    delete from spent_keys where (tenant_id, key_hash) in (
      select tenant_id, key_hash from spent_keys where spent_at <= ${spentBy}::timestamptz
      order by spent_at limit ${limit} for update skip locked)
    returning 1`;
  return rows.length;
}
