// Artifacts as callers see them; their content is in the blob store.

import type { ArtifactId, Instant, RunId, TenantId } from "../rules/names.ts";
import type { Query } from "./database.ts";
import type { artifactKinds } from "./schema/runs.ts";

export interface ArtifactView {
  readonly id: ArtifactId;
  readonly runId: RunId;
  readonly attempt: number;
  readonly commandNumber: number;
  readonly step: string | null;
  readonly kind: (typeof artifactKinds)[number];
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly createdAt: Instant;
}

const view = (query: Query) => query`
  select x.id, x.run_id, a.number as attempt, x.command_number, c.spec ->> 'step' as step, x.kind, x.content_type,
    x.size_bytes, x.created_at
  from artifacts x
  join attempts a on a.id = x.attempt_id
  left join commands c on c.attempt_id = x.attempt_id and c.number = x.command_number`;

/** In the order of attempts and commands; those of one command as they came. */
export async function listArtifacts(query: Query, tenantId: TenantId, runId: RunId): Promise<ArtifactView[]> {
  return await query<ArtifactView[]>`
    ${view(query)} where x.tenant_id = ${tenantId} and x.run_id = ${runId} order by a.number, x.command_number, x.created_at, x.id`;
}

export async function readArtifact(
  query: Query,
  tenantId: TenantId,
  id: ArtifactId,
): Promise<ArtifactView | undefined> {
  const [row] = await query<ArtifactView[]>`${view(query)} where x.tenant_id = ${tenantId} and x.id = ${id}`;
  return row;
}
