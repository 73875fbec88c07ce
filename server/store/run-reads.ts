// Runs as callers see them: one tenant's rows, without what only the engine needs.

import type { AttemptPurpose } from "../rules/attempt.ts";
import type { CommitLabel } from "../rules/commit.ts";
import type { Failure } from "../rules/failure.ts";
import type { AttemptId, Instant, Json, MachineId, RunId, TenantId } from "../rules/names.ts";
import type { Outcome, Resolution, RunState } from "../rules/run.ts";
import type { ReadinessProof } from "../rules/verdict.ts";
import type { Query } from "./database.ts";
import { waitsSince } from "./queue.ts";

export interface RunView {
  readonly id: RunId;
  readonly workflow: string;
  readonly workflowVersion: number;
  readonly state: RunState["is"];
  readonly outcome: Outcome | null;
  readonly failure: (Failure & { readonly retryDecision: string }) | null;
  readonly commitLabel: CommitLabel | null;
  readonly lastEvent: number;
  readonly priority: number;
  readonly createdAt: Instant;
  readonly startedAt: Instant | null;
  readonly endedAt: Instant | null;
  /** While it waits for its time, or before another attempt. */
  readonly notBeforeAt: Instant | null;
  /** The owner of the key that started it. */
  readonly caller: string;
  /** Above 0: moved to the front of its pool. */
  readonly front: number;
  readonly pool: string;
  /** While it waits for a machine. */
  readonly waitsSince: Instant | null;
}

export interface RunDetail extends RunView {
  /** Sensitive (G11). */
  readonly inputs: Json;
  readonly outputs: Json | null;
  readonly resolution: Resolution | null;
}

export interface AttemptView {
  readonly id: AttemptId;
  readonly number: number;
  readonly purpose: AttemptPurpose;
  readonly machineId: MachineId;
  readonly machineName: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  readonly commitLabel: CommitLabel;
  readonly failure: Failure | null;
  readonly proof: ReadinessProof | null;
  readonly stepsDone: number;
}

/** Of the run `r`. */
const view = (query: Query) => query`
  id, workflow, workflow_version, state, outcome, failure, commit_label, last_event, priority, created_at, started_at, ended_at,
  not_before_at, caller, front, (select name from pools where id = pool_id) as pool,
  case when state in ('queued', 'unsettled') then ${waitsSince(query)} end as waits_since`;

/** With inputs, outputs and how a person settled it. */
export async function readRun(query: Query, tenantId: TenantId, id: RunId): Promise<RunDetail | undefined> {
  const [row] = await query<RunDetail[]>`
    select ${view(query)}, inputs, outputs, resolution from runs r where tenant_id = ${tenantId} and id = ${id}`;
  return row;
}

export async function readRunView(query: Query, tenantId: TenantId, id: RunId): Promise<RunView | undefined> {
  const [row] = await query<RunView[]>`select ${view(query)} from runs r where tenant_id = ${tenantId} and id = ${id}`;
  return row;
}

export async function readOutputs(query: Query, tenantId: TenantId, id: RunId): Promise<Json | null> {
  const [row] = await query<{ outputs: Json | null }[]>`
    select outputs from runs where tenant_id = ${tenantId} and id = ${id}`;
  return row?.outputs ?? null;
}

export interface RunFilter {
  readonly workflow?: string;
  readonly state?: RunState["is"];
  readonly outcome?: Outcome;
  readonly caller?: string;
}

/** Newest first: ids are UUIDv7. */
export async function listRuns(
  query: Query,
  tenantId: TenantId,
  { workflow, state, outcome, caller }: RunFilter,
  before: string | undefined,
  limit: number,
): Promise<RunView[]> {
  return await query<RunView[]>`
    select ${view(query)} from runs r
    where tenant_id = ${tenantId}
      ${before === undefined ? query`` : query`and id < ${before}`}
      ${workflow === undefined ? query`` : query`and workflow = ${workflow}`}
      ${state === undefined ? query`` : query`and state = ${state}`}
      ${outcome === undefined ? query`` : query`and outcome = ${outcome}`}
      ${caller === undefined ? query`` : query`and caller = ${caller}`}
    order by id desc limit ${limit}`;
}

export async function readAttempts(query: Query, tenantId: TenantId, runId: RunId): Promise<AttemptView[]> {
  return await query<AttemptView[]>`
    select a.id, a.number, a.purpose, a.machine_id, m.name as machine_name, a.started_at, a.ended_at, a.commit_label, a.failure,
      a.proof, a.steps_done
    from attempts a join machines m on m.id = a.machine_id
    where a.tenant_id = ${tenantId} and a.run_id = ${runId}
    order by a.number`;
}
