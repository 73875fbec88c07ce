// What a waiting run becomes when it is placed: its next attempt begins, or the next try of its `verify` steps. Pure.

import type { AttemptPurpose } from "./attempt.ts";
import type { AttemptId, Instant } from "./names.ts";
import type { Run } from "./run.ts";

export interface BegunRun {
  readonly run: Run;
  readonly purpose: Exclude<AttemptPurpose, "upkeep">;
  /** Until when the attempt may take. */
  readonly deadlineAt: Instant;
}

/** Undefined when it does not wait for a machine, or has waited too long. */
export function beginRun(run: Run, attemptId: AttemptId, now: Instant): BegunRun | undefined {
  const { state } = run;
  if ((state.is !== "queued" && state.is !== "unsettled") || state.deadlineAt <= now) return undefined;
  if (state.is === "unsettled") {
    const { deadlineAt } = state;
    return { run: { ...run, state: { is: "verifying", attemptId, deadlineAt } }, purpose: "verify", deadlineAt };
  }
  // From its first placement on the whole run has a deadline.
  const deadlineAt = run.runDeadlineAt ?? now + run.timeoutMs;
  const begun: Run = { ...run, runDeadlineAt: deadlineAt, state: { is: "running", attemptId, deadlineAt } };
  return { run: begun, purpose: "attempt", deadlineAt };
}
