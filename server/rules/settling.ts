// How a run that may have committed is settled (G4): by what `verify` steps found out, by the end of the time for that, or by a
// person once it has ended UNKNOWN.
//
// 1. HELD means that all that the workflow commits took hold; whoever writes `verify` promises that.
// 2. NOT_HELD makes a run safe to try again only if a single commit step was sent: of several, some may have taken hold.

import { limits } from "./limits.ts";
import type { Instant, Json } from "./names.ts";
import type { Resolution, Run, Unsettled, Verification } from "./run.ts";
import { decideRun, endRun, type RunStep, requeue } from "./run-ending.ts";

/** `outputs`: the run's, if HELD and they can be told. `deadlineAt`: until when it may be tried to find out. */
export function settle(
  run: Run,
  found: { readonly verification: Verification; readonly outputs?: Json; readonly deadlineAt: Instant },
  budgetLeft: number,
  now: Instant,
): RunStep {
  const { unsettled } = run;
  if (unsettled === undefined) throw new Error(`run ${run.id} has nothing to settle`);
  if (found.verification === "HELD") return held(run, unsettled, found.outputs, now);
  if (found.verification === "NOT_HELD") {
    if (unsettled.commitsBegun > 1)
      return endUnknown(run, "verify found that not all of several commits took hold", now);
    const { ending, machineId } = unsettled;
    return decideRun(run, { ending, label: "BEFORE_COMMIT", machineId }, budgetLeft, now);
  }
  if (now >= found.deadlineAt) return endUnknown(run, "verify could not find out whether it took hold", now);
  const delayMs = Math.min(limits.verifyAgainMs * 2 ** unsettled.tries, limits.verifyAgainMaxMs);
  return {
    run: {
      ...run,
      unsettled: { ...unsettled, tries: unsettled.tries + 1 },
      state: { is: "unsettled", deadlineAt: found.deadlineAt, notBeforeAt: now + delayMs },
    },
    event: { kind: "UNSETTLED" },
  };
}

function held(run: Run, { ending }: Unsettled, outputs: Json | undefined, now: Instant): RunStep {
  if (ending.is === "cancelled") return endRun(run, "CANCELLED", "AFTER_COMMIT", now);
  if (ending.is === "expired") return endRun(run, "EXPIRED", "AFTER_COMMIT", now);
  if (outputs !== undefined) return endRun(run, "SUCCEEDED", "AFTER_COMMIT", now, undefined, outputs);
  const why = "not tried again: verify found that it took hold, and its outputs cannot be told any more";
  return endRun(run, "FAILED", "AFTER_COMMIT", now, { ...ending.failure, retryDecision: why });
}

/** Nobody found out in time, or nobody shall go on trying. */
export function endUnknown(run: Run, why: string, now: Instant): RunStep {
  const ending = run.unsettled?.ending;
  const failure = ending?.is === "failed" ? { ...ending.failure, retryDecision: `not tried again: ${why}` } : undefined;
  return endRun(run, "UNKNOWN", "UNKNOWN", now, failure);
}

/** A person has looked. Only a run that ended UNKNOWN can be settled so. */
export function resolve(run: Run, resolution: Resolution, outputs: Json | undefined, now: Instant): RunStep {
  const { state } = run;
  if (state.is !== "ended" || state.outcome !== "UNKNOWN") throw new Error(`run ${run.id} has not ended UNKNOWN`);
  const resolved = { ...run, resolution };
  switch (resolution.as) {
    case "SUCCEEDED":
      return endRun(resolved, "SUCCEEDED", "AFTER_COMMIT", now, undefined, outputs);
    case "FAILED":
      return endRun(resolved, "FAILED", resolution.nothingCommitted ? "BEFORE_COMMIT" : "UNKNOWN", now, state.failure);
    case "RETRY": {
      // Somebody asks for it now: its time begins anew, and there is an attempt for it.
      const { runDeadlineAt: _, ...again } = resolved;
      const attemptsMax = Math.max(run.attemptsMax, run.attemptsUsed + 1);
      const step = requeue({ ...again, attemptsMax }, 0, "a person found that nothing took hold", now);
      const deadlineAt = now + run.queueTimeoutMs;
      return { ...step, run: { ...step.run, state: { is: "queued", deadlineAt } } };
    }
  }
}
