// Files that machines send: written to the blob store first, then told of in a row; the film strip keeps its last frames.

import { limits } from "../rules/limits.ts";
import type { ArtifactId, AttemptId, MachineId, RunId, TenantId } from "../rules/names.ts";
import { readNow } from "../store/database.ts";
import type { artifactKinds } from "../store/schema/runs.ts";
import type { EngineContext } from "./context.ts";

export interface NewArtifact {
  readonly id: ArtifactId;
  readonly attemptId: AttemptId;
  readonly commandNumber: number;
  readonly kind: (typeof artifactKinds)[number];
  readonly contentType: string;
  readonly content: Uint8Array;
}

/** The prefix of all that a run leaves. */
export const runBlobs = (runId: RunId): string => `runs/${runId}`;
export const artifactBlob = (runId: RunId, id: ArtifactId): string => `${runBlobs(runId)}/${id}`;
export const healthBlob = (machineId: MachineId): string => `machines/${machineId}/health`;

/** False when the attempt is not this machine's, or its run has just been deleted. */
export async function saveArtifact(
  context: EngineContext,
  machineId: MachineId,
  artifact: NewArtifact,
): Promise<boolean> {
  const { sql } = context.database;
  const [attempt] = await sql<{ runId: RunId; tenantId: TenantId }[]>`
    select run_id, tenant_id from attempts where id = ${artifact.attemptId} and machine_id = ${machineId}`;
  if (attempt === undefined) return false;
  const blob = artifactBlob(attempt.runId, artifact.id);
  await context.blobs.put(blob, artifact.content);
  try {
    const [saved] = await sql<{ ended: boolean }[]>`
      insert into artifacts (id, tenant_id, run_id, attempt_id, command_number, kind, content_type, size_bytes, created_at)
      values (${artifact.id}, ${attempt.tenantId}, ${attempt.runId}, ${artifact.attemptId}, ${artifact.commandNumber},
        ${artifact.kind}, ${artifact.contentType}, ${artifact.content.length}, ${await readNow(sql)}::timestamptz)
      on conflict (id) do nothing
      returning (select state = 'ended' from runs where id = run_id) as ended`;
    // Of a run that ended long ago the folder may have been deleted before there was a row that kept it.
    if (saved?.ended) await context.blobs.put(blob, artifact.content);
  } catch (error) {
    if (!isOfNoRun(error)) throw error;
    // The run was deleted after it was read, and perhaps before the blob was put.
    await context.blobs.delete(blob);
    return false;
  }
  if (artifact.kind === "frame") await trimFilm(context, attempt.runId, artifact.attemptId);
  return true;
}

/** A foreign key has nothing to refer to. */
const isOfNoRun = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "23503";

/** Rows go first: a blob without a row is only waste, a row without a blob is a broken promise. */
async function trimFilm(context: EngineContext, runId: RunId, attemptId: AttemptId): Promise<void> {
  const gone = await context.database.sql<{ id: ArtifactId }[]>`
    delete from artifacts where id in (
      select id from artifacts where attempt_id = ${attemptId} and kind = 'frame'
      order by created_at desc, id desc offset ${limits.filmFramesMax})
    returning id`;
  for (const { id } of gone) await context.blobs.delete(artifactBlob(runId, id));
}

/** Only the latest is kept, overwritten (G11). */
export async function saveHealthFrame(
  context: EngineContext,
  machineId: MachineId,
  content: Uint8Array,
): Promise<void> {
  await context.blobs.put(healthBlob(machineId), content);
  const { sql } = context.database;
  await sql`update machines set health_at = ${await readNow(sql)}::timestamptz where id = ${machineId}`;
}
