// How a run ends once an attempt has: its outcome, another attempt, or a question that `verify` steps are to answer. The one
// place that ends runs.

import type { Ending } from "./attempt.ts";
import type { CommitLabel } from "./commit.ts";
import type { EventBody } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Instant, Json, MachineId } from "./names.ts";
import { type BudgetChange, decideRetry } from "./retry.ts";
import type { Outcome, Run, Unsettled } from "./run.ts";

/** The run as it becomes, and what is told of it. */
export interface RunStep {
  readonly run: Run;
  readonly event: EventBody;
  readonly budget?: BudgetChange;
}

export function endRun(
  run: Run,
  outcome: Outcome,
  label: CommitLabel,
  at: Instant,
  failure?: Failure & { retryDecision: string },
  outputs?: Json,
): RunStep {
  const why = failure === undefined ? {} : { failure };
  const { unsettled, ...settled } = run;
  return {
    run: {
      ...settled,
      // Whoever is to settle it wants to know what there is to settle.
      ...(outcome === "UNKNOWN" && unsettled !== undefined ? { unsettled } : {}),
      state: { is: "ended", outcome, label, at, ...why, ...(outputs === undefined ? {} : { outputs }) },
    },
    event: { kind: "ENDED", outcome, label, ...why },
  };
}

export interface EndedAttempt {
  readonly ending: Exclude<Ending, { readonly is: "verified" }>;
  readonly label: CommitLabel;
  readonly machineId: MachineId;
}

/** What an attempt's end makes of its run. `run.attemptsUsed` already counts the attempt. */
export function decideRun(run: Run, attempt: EndedAttempt, budgetLeft: number, now: Instant): RunStep {
  const { ending, label } = attempt;
  if (ending.is === "succeeded") return endRun(run, "SUCCEEDED", label, now, undefined, ending.outputs);
  if (ending.is !== "failed") {
    if (label === "UNKNOWN") return endRun(run, "UNKNOWN", label, now);
    return endRun(run, ending.is === "cancelled" ? "CANCELLED" : "EXPIRED", label, now);
  }
  const decision = decideRetry(run, ending.failure, label, budgetLeft);
  const told = { ...ending.failure, retryDecision: `not tried again: ${decision.why}` };
  if (label === "UNKNOWN") return endRun(run, "UNKNOWN", label, now, told);
  if (!decision.again) return endRun(run, "FAILED", label, now, told);
  if (run.state.is === "cancelling" || run.unsettled?.cancelled === true) return endRun(run, "CANCELLED", label, now);
  const { counts, delayMs, why } = decision;
  const counted = counts ? run : { ...run, attemptsUsed: run.attemptsUsed - 1, notReadyCount: run.notReadyCount + 1 };
  // Another machine than this one; those before it may have recovered, and a small pool must not run out.
  const avoid = run.pace.anotherMachine || !counts ? [attempt.machineId] : [];
  return { ...requeue({ ...counted, avoid }, delayMs, why, now), budget: decision.spends ? "spend" : "keep" };
}

/** Back into the queue, within the whole run's time. */
export function requeue(run: Run, delayMs: number, why: string, now: Instant): RunStep {
  const runEnds = run.runDeadlineAt ?? now + run.timeoutMs;
  const notBefore = delayMs > 0 ? { notBeforeAt: now + delayMs } : {};
  const { unsettled: _, ...rest } = run;
  return {
    run: {
      ...rest,
      state: { is: "queued", deadlineAt: Math.min(now + delayMs + run.queueTimeoutMs, runEnds), ...notBefore },
    },
    event: { kind: "REQUEUED", why, ...notBefore },
  };
}

/** A commit step may have taken hold, and there are `verify` steps that can find out, from `notBeforeAt` on. */
export function unsettle(run: Run, unsettled: Unsettled, notBeforeAt: Instant, deadlineAt: Instant): RunStep {
  return {
    run: { ...run, unsettled, state: { is: "unsettled", notBeforeAt, deadlineAt } },
    event: { kind: "UNSETTLED" },
  };
}
