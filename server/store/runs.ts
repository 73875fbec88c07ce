// Runs and their live attempts, as rules know them: read under lock, saved where the generation still matches.

import type { Attempt, AttemptPhase, AttemptPurpose, Ending, Held } from "../rules/attempt.ts";
import type { CommandSpec } from "../rules/command.ts";
import type { CommitLabel } from "../rules/commit.ts";
import type { Failure } from "../rules/failure.ts";
import type {
  ApplicationVersionId,
  AttemptId,
  Instant,
  Json,
  LeaseId,
  MachineId,
  PoolId,
  RunId,
  TenantId,
  WorkflowVersionId,
} from "../rules/names.ts";
import { type BudgetChange, type RetryPace, retryBudget } from "../rules/retry.ts";
import type { Outcome, Resolution, Run, RunState, Unsettled } from "../rules/run.ts";
import type { ReadinessProof } from "../rules/verdict.ts";
import { json, type Query, type Tx } from "./database.ts";

/** A run under lock, with what the rules do not need to know of it. */
export interface LockedRun {
  readonly run: Run;
  readonly tenantId: TenantId;
  readonly poolId: PoolId;
  readonly workflow: string;
  readonly workflowVersionId: WorkflowVersionId;
  readonly application: string;
  readonly inputs: Json;
  readonly lastEvent: number;
  readonly attemptCount: number;
  readonly createdAt: Instant;
  /** While it waits: its time, if it had to wait for that. */
  readonly notBeforeAt: Instant | null;
  /** When it was first placed. */
  readonly startedAt: Instant | null;
  readonly generation: number;
}

interface RunRow {
  id: RunId;
  tenantId: TenantId;
  poolId: PoolId;
  workflow: string;
  workflowVersionId: WorkflowVersionId;
  application: string;
  inputs: Json;
  state: RunState["is"];
  outcome: Outcome | null;
  outputs: Json | null;
  failure: (Failure & { retryDecision: string }) | null;
  commitLabel: CommitLabel | null;
  lastEvent: number;
  attemptsUsed: number;
  notReadyCount: number;
  attemptsMax: number;
  retryOn: string[];
  retry: RetryPace;
  front: number;
  notBeforeAt: Instant | null;
  unsettled: Unsettled | null;
  resolution: Resolution | null;
  avoid: MachineId[];
  attemptId: AttemptId | null;
  attemptCount: number;
  queueTimeoutMs: number;
  timeoutMs: number;
  deadlineAt: Instant | null;
  runDeadlineAt: Instant | null;
  createdAt: Instant;
  startedAt: Instant | null;
  endedAt: Instant | null;
  generation: number;
}

const known = <T>(value: T | null, what: string): T => {
  if (value === null) throw new Error(`a run's ${what} is missing`);
  return value;
};

function stateOf(row: RunRow): RunState {
  switch (row.state) {
    case "queued":
    case "unsettled":
      return {
        is: row.state,
        deadlineAt: known(row.deadlineAt, "deadline"),
        ...(row.notBeforeAt === null ? {} : { notBeforeAt: row.notBeforeAt }),
      };
    case "running":
    case "cancelling":
    case "verifying":
      return {
        is: row.state,
        attemptId: known(row.attemptId, "attempt"),
        deadlineAt: known(row.deadlineAt, "deadline"),
      };
    case "ended":
      return {
        is: "ended",
        outcome: known(row.outcome, "outcome"),
        label: known(row.commitLabel, "commit label"),
        at: known(row.endedAt, "end"),
        ...(row.outputs === null ? {} : { outputs: row.outputs }),
        ...(row.failure === null ? {} : { failure: row.failure }),
      };
  }
}

const runOf = (row: RunRow): Run => ({
  id: row.id,
  state: stateOf(row),
  attemptsUsed: row.attemptsUsed,
  attemptsMax: row.attemptsMax,
  retryOn: row.retryOn,
  pace: row.retry,
  notReadyCount: row.notReadyCount,
  front: row.front,
  avoid: row.avoid,
  queueTimeoutMs: row.queueTimeoutMs,
  timeoutMs: row.timeoutMs,
  ...(row.runDeadlineAt === null ? {} : { runDeadlineAt: row.runDeadlineAt }),
  ...(row.unsettled === null ? {} : { unsettled: row.unsettled }),
  ...(row.resolution === null ? {} : { resolution: row.resolution }),
});

const lockedOf = (row: RunRow): LockedRun => ({ ...row, run: runOf(row) });

export async function lockRun(tx: Tx, id: RunId): Promise<LockedRun | undefined> {
  const [row] = await tx<RunRow[]>`select * from runs where id = ${id} for no key update`;
  return row === undefined ? undefined : lockedOf(row);
}

/** Locks those of the runs that wait for a machine and nobody else has locked, in id order. */
export async function lockWaiting(tx: Tx, ids: readonly RunId[]): Promise<LockedRun[]> {
  const rows = await tx<RunRow[]>`
    select * from runs where id = any(${[...ids]}::uuid[]) and state || '' in ('queued', 'unsettled')
    order by id for no key update skip locked`;
  return rows.map(lockedOf);
}

/** `events` is how many are appended in this change. */
export async function saveRun(
  tx: Tx,
  before: LockedRun,
  run: Run,
  change: { readonly events: number; readonly attemptCount: number; readonly now: Instant },
): Promise<void> {
  const { state } = run;
  const live = state.is === "running" || state.is === "cancelling" || state.is === "verifying";
  const waits = state.is === "queued" || state.is === "unsettled";
  const ended = state.is === "ended" ? state : undefined;
  const rows = await tx`
    update runs set
      state = ${state.is},
      outcome = ${ended?.outcome ?? null},
      outputs = ${json(ended?.outputs)}::jsonb,
      failure = ${json(ended?.failure)}::jsonb,
      commit_label = ${ended?.label ?? null},
      ended_at = ${ended?.at ?? null}::timestamptz,
      last_event = last_event + ${change.events},
      attempts_used = ${run.attemptsUsed},
      attempts_max = ${run.attemptsMax},
      not_ready_count = ${run.notReadyCount},
      not_before_at = ${(waits ? state.notBeforeAt : undefined) ?? null}::timestamptz,
      due = ${!waits || state.notBeforeAt === undefined || state.notBeforeAt <= change.now},
      front = ${run.front},
      unsettled = ${json(run.unsettled)}::jsonb,
      resolution = ${json(run.resolution)}::jsonb,
      avoid = ${[...run.avoid]}::uuid[],
      attempt_id = ${live ? state.attemptId : null},
      attempt_count = ${change.attemptCount},
      deadline_at = ${state.is === "ended" ? null : state.deadlineAt}::timestamptz,
      run_deadline_at = ${run.runDeadlineAt ?? null}::timestamptz,
      started_at = coalesce(started_at, ${live ? change.now : null}::timestamptz),
      generation = generation + 1
    where id = ${run.id} and generation = ${before.generation}
    returning id`;
  if (rows.length !== 1) throw new Error(`run ${run.id} was changed by somebody else although it was locked`);
}

/** The run's live attempt, with the names and ids around it. */
export interface LiveRow {
  readonly attempt: Attempt;
  readonly leaseId: LeaseId;
  readonly machine: string;
  readonly applicationVersionId: ApplicationVersionId;
  readonly generation: number;
  /** What is left of the workflow's budget of retries. */
  readonly budgetLeft: number;
}

interface AttemptRow {
  id: AttemptId;
  number: number;
  purpose: AttemptPurpose;
  commitsBegun: number;
  held: Held | null;
  budgetLeft: number | null;
  machineId: MachineId;
  machine: string;
  leaseId: LeaseId;
  applicationVersionId: ApplicationVersionId;
  phase: AttemptPhase;
  commandNumber: number;
  commandDeadlineAt: Instant | null;
  progress: Json;
  commitLabel: CommitLabel;
  repairs: number;
  readyBy: Instant | null;
  ending: Ending | null;
  stepsDone: number;
  proof: ReadinessProof | null;
  spec: CommandSpec | null;
  generation: number;
}

/**
 * Under the run's lock: nobody else changes its attempt. `upkeepId`: the upkeep attempt of that name instead, which cleans up
 * after an earlier attempt of the run.
 */
export async function readLiveAttempt(query: Query, runId: RunId, upkeepId?: AttemptId): Promise<LiveRow | undefined> {
  const which = upkeepId === undefined ? query`a.purpose <> 'upkeep'` : query`a.id = ${upkeepId}`;
  const [row] = await query<AttemptRow[]>`
    select a.*, m.name as machine, c.spec, b."left" as budget_left
    from attempts a
    join machines m on m.id = a.machine_id
    join runs r on r.id = a.run_id
    left join commands c on c.attempt_id = a.id and c.number = a.command_number and c.ended_at is null
    left join retry_budgets b on b.tenant_id = r.tenant_id and b.workflow = r.workflow
    where a.run_id = ${runId} and a.ended_at is null and ${which}`;
  if (row === undefined) return undefined;
  const { spec, commandDeadlineAt } = row;
  const attempt: Attempt = {
    id: row.id,
    number: row.number,
    purpose: row.purpose,
    machineId: row.machineId,
    phase: row.phase,
    commandNumber: row.commandNumber,
    ...(spec === null || commandDeadlineAt === null ? {} : { outstanding: { spec, deadlineAt: commandDeadlineAt } }),
    progress: row.progress,
    commitLabel: row.commitLabel,
    commitsBegun: row.commitsBegun,
    ...(row.held === null ? {} : { held: row.held }),
    repairs: row.repairs,
    ...(row.readyBy === null ? {} : { readyBy: row.readyBy }),
    ...(row.ending === null ? {} : { ending: row.ending }),
    stepsDone: row.stepsDone,
    ...(row.proof === null ? {} : { proof: row.proof }),
  };
  return {
    attempt,
    leaseId: row.leaseId,
    machine: row.machine,
    applicationVersionId: row.applicationVersionId,
    generation: row.generation,
    budgetLeft: row.budgetLeft ?? retryBudget.max,
  };
}

/** Saves the attempt, ends the command whose result came, and saves the next one before it is sent (G4). */
export async function saveAttempt(tx: Tx, before: LiveRow, after: Attempt, now: Instant): Promise<void> {
  const { outstanding } = after;
  const saves: Promise<unknown>[] = [
    tx`
      update attempts set
        phase = ${after.phase},
        command_number = ${after.commandNumber},
        command_deadline_at = ${outstanding?.deadlineAt ?? null}::timestamptz,
        progress = ${json(after.progress)}::jsonb,
        commit_label = ${after.commitLabel},
        commits_begun = ${after.commitsBegun},
        held = ${json(after.held)}::jsonb,
        repairs = ${after.repairs},
        ready_by = ${after.readyBy ?? null}::timestamptz,
        ending = ${json(after.ending)}::jsonb,
        steps_done = ${after.stepsDone},
        proof = ${json(after.proof)}::jsonb,
        failure = ${json(after.failure)}::jsonb,
        ended_at = ${after.phase === "ended" ? now : null}::timestamptz,
        generation = generation + 1
      where id = ${after.id} and generation = ${before.generation}
      returning id`.then((rows) => {
      if (rows.length !== 1) throw new Error(`attempt ${after.id} was changed without its run's lock`);
    }),
  ];
  if (outstanding !== undefined && after.commandNumber > before.attempt.commandNumber) {
    saves.push(tx`
      insert into commands (attempt_id, number, spec, saved_at)
      values (${after.id}, ${after.commandNumber}, ${json(outstanding.spec)}::jsonb, ${now}::timestamptz)`);
  }
  await Promise.all(saves);
}

/** A retry takes of the workflow's budget; a run that begins brings a share, up to the whole. */
export async function changeBudget(tx: Tx, of: LockedRun, change: Exclude<BudgetChange, "keep">): Promise<void> {
  const by = change === "earn" ? retryBudget.perRun : -retryBudget.perRetry;
  await tx`
    insert into retry_budgets (tenant_id, workflow, "left")
    values (${of.tenantId}, ${of.workflow}, ${Math.min(retryBudget.max, retryBudget.max + by)})
    on conflict (tenant_id, workflow) do update
    set "left" = greatest(0, least(${retryBudget.max}, retry_budgets."left" + ${by}))`;
}
