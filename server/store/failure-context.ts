// How it came that a run did not succeed: what is known of the attempt that decided it, and of the machine on which the same
// workflow succeeded before. Nothing of what was typed, read or found is in it (G11).

import type { Action, InputAmount } from "../rules/command.ts";
import type { Failure } from "../rules/failure.ts";
import { limits } from "../rules/limits.ts";
import type { Inventory } from "../rules/machine.ts";
import type { ArtifactId, AttemptId, Instant, RunId, TenantId } from "../rules/names.ts";
import type { ReadinessProof } from "../rules/verdict.ts";
import type { Query } from "./database.ts";

export interface FailureContextView {
  readonly attempt: number;
  readonly machine: string;
  readonly failure: Failure | null;
  readonly proof: ReadinessProof | null;
  readonly film: readonly FilmFrameView[];
  readonly timeline: readonly TimelineView[];
  readonly inventory: Inventory | null;
  /** The last success of the same workflow before. */
  readonly compared: { readonly runId: RunId; readonly inventory: Inventory } | null;
}

export interface FilmFrameView {
  readonly artifactId: ArtifactId;
  readonly step: string | null;
  readonly at: Instant;
}

export interface TimelineView {
  readonly at: Instant;
  readonly step: string;
  readonly action: Action["is"];
  readonly durationMs: number | null;
  readonly input: InputAmount | null;
  readonly failure: Failure | null;
}

/** Of the run's last attempt at its workflow; undefined when it never had one. */
export async function readFailureContext(
  query: Query,
  tenantId: TenantId,
  runId: RunId,
): Promise<FailureContextView | undefined> {
  const attempt = await readAttempt(query, tenantId, runId);
  if (attempt === undefined) return undefined;
  const { id, number, machine, failure, proof, inventory, comparedRunId, comparedInventory } = attempt;
  const [film, timeline] = await Promise.all([readFilm(query, id), readTimeline(query, id)]);
  const compared =
    comparedRunId === null || comparedInventory === null
      ? null
      : { runId: comparedRunId, inventory: comparedInventory };
  return { attempt: number, machine, failure, proof, film, timeline, inventory, compared };
}

interface AttemptRow {
  readonly id: AttemptId;
  readonly number: number;
  readonly machine: string;
  readonly failure: Failure | null;
  readonly proof: ReadinessProof | null;
  readonly inventory: Inventory | null;
  readonly comparedRunId: RunId | null;
  readonly comparedInventory: Inventory | null;
}

async function readAttempt(query: Query, tenantId: TenantId, runId: RunId): Promise<AttemptRow | undefined> {
  // A success that `verify` or a person told of says nothing of the machine that it was left on.
  const [row] = await query<AttemptRow[]>`
    select a.id, a.number, m.name as machine, a.failure, a.proof, i.body as inventory, s.run_id as compared_run_id,
      s.body as compared_inventory
    from attempts a
    join runs r on r.id = a.run_id
    join machines m on m.id = a.machine_id
    left join inventories i on i.digest = a.inventory_digest
    left join lateral (
      select before.run_id, machine_then.body
      from (
        select id as run_id from runs
        where tenant_id = r.tenant_id and workflow = r.workflow and outcome = 'SUCCEEDED'
          and unsettled is null and resolution is null and ended_at <= coalesce(a.ended_at, r.ended_at)
        order by ended_at desc limit 1
      ) before
      cross join lateral (
        select inventory_digest from attempts
        where run_id = before.run_id and purpose = 'attempt' order by number desc limit 1
      ) succeeded
      join inventories machine_then on machine_then.digest = succeeded.inventory_digest
    ) s on true
    where a.tenant_id = ${tenantId} and a.run_id = ${runId} and a.purpose = 'attempt'
    order by a.number desc limit 1`;
  return row;
}

/** The last frames, in order. */
async function readFilm(query: Query, attemptId: AttemptId): Promise<FilmFrameView[]> {
  return await query<FilmFrameView[]>`
    select x.id as artifact_id, c.spec ->> 'step' as step, x.created_at as at
    from artifacts x
    left join commands c on c.attempt_id = x.attempt_id and c.number = x.command_number
    where x.attempt_id = ${attemptId} and x.kind = 'frame'
    order by x.created_at desc, x.id desc limit ${limits.filmFramesMax}`.then((frames) => frames.toReversed());
}

/** The last commands, in order. */
async function readTimeline(query: Query, attemptId: AttemptId): Promise<TimelineView[]> {
  return await query<TimelineView[]>`
    select saved_at as at, spec ->> 'step' as step, spec -> 'action' ->> 'is' as action, duration_ms, input, failure
    from commands where attempt_id = ${attemptId}
    order by number desc limit ${limits.timelineMax}`.then((entries) => entries.toReversed());
}
