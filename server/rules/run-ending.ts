// How a run ends once an attempt has: its outcome, or another attempt. The one place that ends runs.

import type { Ending } from "./attempt.ts";
import type { CommitLabel } from "./commit.ts";
import type { EventBody } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Instant, Json, MachineId } from "./names.ts";
import { decideRetry } from "./retry.ts";
import type { Outcome, Run } from "./run.ts";

/** The run as it becomes, and what is told of it. */
export interface RunStep {
  readonly run: Run;
  readonly event: EventBody;
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
  return {
    run: {
      ...run,
      state: { is: "ended", outcome, label, at, ...why, ...(outputs === undefined ? {} : { outputs }) },
    },
    event: { kind: "ENDED", outcome, label, ...why },
  };
}

/** What an attempt's end makes of its run. `run.attemptsUsed` already counts the attempt. */
export function decideRun(
  run: Run,
  attempt: { readonly ending: Ending; readonly label: CommitLabel; readonly machineId: MachineId },
  now: Instant,
): RunStep {
  const { ending, label } = attempt;
  if (ending.is === "succeeded") return endRun(run, "SUCCEEDED", label, now, undefined, ending.outputs);
  if (ending.is !== "failed") {
    if (label === "UNKNOWN") return endRun(run, "UNKNOWN", label, now);
    return endRun(run, ending.is === "cancelled" ? "CANCELLED" : "EXPIRED", label, now);
  }
  const decision = decideRetry(run, ending.failure, label);
  const told = { ...ending.failure, retryDecision: `not tried again: ${decision.why}` };
  if (label === "UNKNOWN") return endRun(run, "UNKNOWN", label, now, told);
  if (!decision.again) return endRun(run, "FAILED", label, now, told);
  if (run.state.is === "cancelling") return endRun(run, "CANCELLED", label, now);
  const uncounted = ending.failure.category === "NOT_READY" && !decision.counts;
  return requeue(run, attempt.machineId, uncounted, now);
}

function requeue(run: Run, avoid: MachineId, uncounted: boolean, now: Instant): RunStep {
  const runEnds = run.runDeadlineAt ?? now + run.timeoutMs;
  return {
    run: {
      ...run,
      attemptsUsed: uncounted ? run.attemptsUsed - 1 : run.attemptsUsed,
      notReadyCount: uncounted ? run.notReadyCount + 1 : run.notReadyCount,
      // Another machine than this one; those before it may have recovered, and a small pool must not run out.
      avoid: [avoid],
      state: { is: "queued", deadlineAt: Math.min(now + run.queueTimeoutMs, runEnds) },
    },
    event: { kind: "REQUEUED" },
  };
}
