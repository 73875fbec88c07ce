// Workflows and applications as callers see them.

import type { Instant, Json, TenantId } from "../rules/names.ts";
import type { Query } from "./database.ts";

export interface DefinitionView {
  readonly name: string;
  readonly version: number;
  readonly createdAt: Instant;
  readonly program: Json;
}

export interface DefinitionSource extends DefinitionView {
  readonly source: string;
}

export type DefinitionTable = "workflow_versions" | "application_versions";

/** The latest version, or the one named; 0 is the latest. */
export async function readDefinition(
  query: Query,
  table: DefinitionTable,
  tenantId: TenantId,
  name: string,
  version: number,
): Promise<DefinitionSource | undefined> {
  const [row] = await query<DefinitionSource[]>`
    select name, version, created_at, program, source from ${query(table)}
    where tenant_id = ${tenantId} and name = ${name} ${version === 0 ? query`` : query`and version = ${version}`}
    order by version desc limit 1`;
  return row;
}

/**
 * The latest version of each, by name. By bytes, not by the database's collation: it is the order of the index's own
 * steps below and of page tokens.
 */
export async function listDefinitions(
  query: Query,
  table: DefinitionTable,
  tenantId: TenantId,
  after: string | undefined,
  limit: number,
): Promise<DefinitionView[]> {
  return await query<DefinitionView[]>`
    select distinct on (name collate "C") name, version, created_at, program from ${query(table)}
    where tenant_id = ${tenantId} ${after === undefined ? query`` : query`and name collate "C" > ${after}`}
    order by name collate "C", version desc limit ${limit}`;
}
