// Workflows and applications: immutable versions and their files.

import type { ApplicationVersionId, Instant, Json, TenantId, WorkflowVersionId } from "../rules/names.ts";
import { json, type Query, type Tx } from "./database.ts";

export interface DefinitionVersion<Id> {
  readonly id: Id;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly source: string;
  readonly program: Json;
  readonly createdAt: Instant;
}

export type WorkflowVersion = DefinitionVersion<WorkflowVersionId>;
export type ApplicationVersion = DefinitionVersion<ApplicationVersionId>;

export async function workflowById(query: Query, id: WorkflowVersionId): Promise<WorkflowVersion | undefined> {
  const [row] = await query<WorkflowVersion[]>`select * from workflow_versions where id = ${id}`;
  return row;
}

export async function applicationById(query: Query, id: ApplicationVersionId): Promise<ApplicationVersion | undefined> {
  const [row] = await query<ApplicationVersion[]>`select * from application_versions where id = ${id}`;
  return row;
}

export async function latestWorkflow(
  query: Query,
  tenantId: TenantId,
  name: string,
): Promise<WorkflowVersion | undefined> {
  const [row] = await query<WorkflowVersion[]>`
    select * from workflow_versions where tenant_id = ${tenantId} and name = ${name} order by version desc limit 1`;
  return row;
}

export async function workflowVersion(
  query: Query,
  tenantId: TenantId,
  name: string,
  version: number,
): Promise<WorkflowVersion | undefined> {
  if (version === 0) return latestWorkflow(query, tenantId, name);
  const [row] = await query<WorkflowVersion[]>`
    select * from workflow_versions where tenant_id = ${tenantId} and name = ${name} and version = ${version}`;
  return row;
}

export async function latestApplication(
  query: Query,
  tenantId: TenantId,
  name: string,
): Promise<ApplicationVersion | undefined> {
  const [row] = await query<ApplicationVersion[]>`
    select * from application_versions where tenant_id = ${tenantId} and name = ${name} order by version desc limit 1`;
  return row;
}

export async function applicationVersion(
  query: Query,
  tenantId: TenantId,
  name: string,
  version: number,
): Promise<ApplicationVersion | undefined> {
  if (version === 0) return latestApplication(query, tenantId, name);
  const [row] = await query<ApplicationVersion[]>`
    select * from application_versions where tenant_id = ${tenantId} and name = ${name} and version = ${version}`;
  return row;
}

/** Latest versions by name, after a name. */
export async function listLatest(
  query: Query,
  table: "workflow_versions" | "application_versions",
  tenantId: TenantId,
  afterName: string,
  limit: number,
): Promise<Omit<WorkflowVersion, "id">[]> {
  return await query<WorkflowVersion[]>`
    select distinct on (name) * from ${query(table)}
    where tenant_id = ${tenantId} and name > ${afterName} order by name, version desc limit ${limit}`;
}

export async function insertVersion(
  tx: Tx,
  table: "workflow_versions" | "application_versions",
  row: DefinitionVersion<string>,
): Promise<void> {
  await tx`
    insert into ${tx(table)} (id, tenant_id, name, version, digest, source, program, created_at)
    values (${row.id}, ${row.tenantId}, ${row.name}, ${row.version}, ${row.digest}, ${row.source},
      ${json(row.program)}::jsonb, ${row.createdAt}::timestamptz)`;
}

export async function saveFile(tx: Tx, tenantId: TenantId, digest: string, content: Uint8Array): Promise<void> {
  await tx`insert into files (tenant_id, digest, content) values (${tenantId}, ${digest}, ${content})
    on conflict (tenant_id, digest) do nothing`;
}

export async function readFileContent(
  query: Query,
  tenantId: TenantId,
  digest: string,
): Promise<Uint8Array | undefined> {
  const [row] = await query<{ content: Uint8Array }[]>`
    select content from files where tenant_id = ${tenantId} and digest = ${digest}`;
  return row?.content;
}
