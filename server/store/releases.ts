// Releases of the agent program: what is announced, how much of it has arrived, and which one is wanted on a machine.

import type { Instant, MachineId, ReleaseId, RolloutId, TenantId } from "../rules/names.ts";
import type { Executable } from "../rules/release.ts";
import type { RolloutState } from "../rules/rollout.ts";
import type { Query } from "./database.ts";
import type { releases } from "./schema/releases.ts";

export type ReleaseRow = Readonly<Omit<typeof releases.$inferSelect, "tenantId">>;

const columns = [
  "id",
  "version",
  "executable",
  "size_bytes",
  "sha256",
  "signature",
  "received_bytes",
  "created_at",
  "completed_at",
] as const;

export async function readRelease(query: Query, tenantId: TenantId, id: ReleaseId): Promise<ReleaseRow | undefined> {
  const [row] = await query<ReleaseRow[]>`
    select ${query(columns)} from releases where tenant_id = ${tenantId} and id = ${id}`;
  return row;
}

/** Newest first. */
export async function listReleases(
  query: Query,
  tenantId: TenantId,
  before: string | undefined,
  limit: number,
): Promise<ReleaseRow[]> {
  return await query<ReleaseRow[]>`
    select ${query(columns)} from releases
    where tenant_id = ${tenantId} ${before === undefined ? query`` : query`and id < ${before}`}
    order by id desc limit ${limit}`;
}

/** The release of this version for this executable; locked, when it is read to be changed. */
export async function lockReleaseNamed(
  query: Query,
  tenantId: TenantId,
  version: string,
  executable: Executable,
): Promise<ReleaseRow | undefined> {
  const [row] = await query<ReleaseRow[]>`
    select ${query(columns)} from releases
    where tenant_id = ${tenantId} and version = ${version} and executable = ${executable} for no key update`;
  return row;
}

export type NewRelease = Pick<ReleaseRow, "version" | "executable" | "sizeBytes" | "sha256" | "signature">;

export async function insertRelease(
  query: Query,
  tenantId: TenantId,
  id: ReleaseId,
  release: NewRelease,
  now: Instant,
): Promise<void> {
  await query`
    insert into releases (id, tenant_id, version, executable, size_bytes, sha256, signature, received_bytes, created_at)
    values (${id}, ${tenantId}, ${release.version}, ${release.executable}, ${release.sizeBytes}, ${release.sha256},
      ${release.signature}, 0, ${now}::timestamptz)
    on conflict (tenant_id, version, executable) do nothing`;
}

export async function deleteRelease(query: Query, id: ReleaseId): Promise<void> {
  await query`delete from releases where id = ${id} and completed_at is null`;
}

/** Counts a piece that was stored, if it was the next one. */
export async function saveReceived(query: Query, id: ReleaseId, from: number, to: number): Promise<void> {
  await query`
    update releases set received_bytes = ${to} where id = ${id} and received_bytes = ${from} and completed_at is null`;
}

export async function saveComplete(query: Query, id: ReleaseId, now: Instant): Promise<void> {
  await query`update releases set completed_at = coalesce(completed_at, ${now}::timestamptz) where id = ${id}`;
}

/** A machine with the tenant's newest rollout and the release that this has for the machine's executable. */
export interface MachineRelease {
  readonly rolloutVersion: string;
  readonly state: RolloutState;
  readonly canary: boolean;
  readonly accepted: boolean;
  readonly agentVersion: string;
  /** It is leased for its restart, and was told to. */
  readonly granted: boolean;
  readonly rolloutId: RolloutId;
  readonly release: Omit<ReleaseRow, "receivedBytes" | "createdAt" | "completedAt">;
}

/** Undefined when there is none. */
export async function readMachineRelease(query: Query, id: MachineId): Promise<MachineRelease | undefined> {
  type Row = Omit<MachineRelease, "release"> & MachineRelease["release"];
  const [row] = await query<Row[]>`
    select o.id as rollout_id, o.version as rollout_version, o.state, coalesce(p.canary, false) as canary,
      coalesce(p.accepted, false) as accepted, coalesce(m.inventory->>'agentVersion', '') as agent_version,
      (p.granted_at is not null and l.purpose is not null) as granted,
      r.id, r.version, r.executable, r.size_bytes, r.sha256, r.signature
    from machines m
    cross join lateral (
      select id, version, state, created_at from rollouts where tenant_id = m.tenant_id
      order by created_at desc, id desc limit 1) o
    join releases r on r.tenant_id = m.tenant_id and r.version = o.version and r.executable = m.executable
      and r.completed_at <= o.created_at
    left join rollout_machines p on p.rollout_id = o.id and p.machine_id = m.id
    left join leases l on l.machine_id = m.id and l.ended_at is null and l.purpose = 'service'
    where m.id = ${id}`;
  if (row === undefined) return undefined;
  const { rolloutId, rolloutVersion, state, canary, accepted, agentVersion, granted, ...release } = row;
  return { rolloutId, rolloutVersion, state, canary, accepted, agentVersion, granted, release };
}
