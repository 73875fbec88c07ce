// After an attempt failed: again on another machine, or never (G4, G6).

import type { CommitLabel } from "./commit.ts";
import type { Failure, FailureCategory } from "./failure.ts";
import { limits } from "./limits.ts";
import type { Run } from "./run.ts";

/** Tried again when a workflow names no categories: the machine's fault, not the workflow's. */
export const retryOnDefault: readonly FailureCategory[] = [
  "MACHINE_LOST",
  "AGENT_RESTARTED",
  "LEASE_LOST",
  "NOT_READY",
  "NO_SURFACE",
  "AGENT_ERROR",
];

export type RetryDecision =
  | { readonly again: true; readonly why: string; readonly counts: boolean }
  | { readonly again: false; readonly why: string };

/** `attemptsUsed` already includes the attempt that failed. */
export function decideRetry(run: Run, failure: Failure, label: CommitLabel): RetryDecision {
  if (label !== "BEFORE_COMMIT") return { again: false, why: "a commit step had begun" };
  if (!run.retryOn.includes(failure.category)) {
    return { again: false, why: `${failure.category} is not among the categories to retry` };
  }
  if (failure.category === "NOT_READY" && run.notReadyCount < limits.notReadyMax) {
    return { again: true, counts: false, why: "the machine was not ready; another one may be" };
  }
  if (run.attemptsUsed >= run.attemptsMax) {
    return { again: false, why: `all ${run.attemptsMax} attempts are used` };
  }
  return {
    again: true,
    counts: true,
    why: `no commit step had begun (attempt ${run.attemptsUsed} of ${run.attemptsMax})`,
  };
}
