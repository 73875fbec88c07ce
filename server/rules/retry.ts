// After an attempt failed: again, or never (G4, G6).

import type { CommitLabel } from "./commit.ts";
import type { Failure, FailureCategory } from "./failure.ts";
import { limits } from "./limits.ts";
import type { Run } from "./run.ts";

/** An operator's doing: whatever the workflow says of its own failures. */
const byOperators: readonly FailureCategory[] = ["DRAINED", "FORCE_RELEASED"];

/** Tried again when a workflow names no categories: the machine's fault, not the workflow's. */
export const retryOnDefault: readonly FailureCategory[] = [
  "MACHINE_LOST",
  "AGENT_RESTARTED",
  "LEASE_LOST",
  "NOT_READY",
  "NO_SURFACE",
  "AGENT_ERROR",
  "FROZEN",
  "APP_CRASHED",
  ...byOperators,
];

/** Not the work's own doing: up to a limit such attempts are not counted. */
const uncounted: readonly FailureCategory[] = ["NOT_READY", ...byOperators];

/** Many machines are lost at once with a host or a network: the first such loss of a run takes nothing of the budget. */
const losses: readonly FailureCategory[] = ["MACHINE_LOST", "AGENT_RESTARTED", "LEASE_LOST"];

/** How long a run waits before another attempt, and where that may be. */
export interface RetryPace {
  /** Before the second attempt; it doubles with each further one ... */
  readonly delayMs: number;
  /** ... up to this. */
  readonly delayMaxMs: number;
  /** Not on the machine that the attempt before failed on. */
  readonly anotherMachine: boolean;
}

export const retryPaceDefault: RetryPace = { delayMs: 0, delayMaxMs: 0, anotherMachine: true };

/**
 * The budget of retries that all runs of a workflow share: every run that begins brings a share, every retry takes one, so
 * that when everything fails there are at most a fifth more attempts than runs, after the first few.
 */
export const retryBudget = { max: 10, perRun: 0.2, perRetry: 1 } as const;
export type BudgetChange = "keep" | "earn" | "spend";

export type RetryDecision =
  | {
      readonly again: true;
      readonly why: string;
      /** It was one of the run's attempts. */
      readonly counts: boolean;
      /** It takes of the workflow's budget. */
      readonly spends: boolean;
      readonly delayMs: number;
    }
  | { readonly again: false; readonly why: string };

/** `attemptsUsed` already includes the attempt that failed. */
export function decideRetry(run: Run, failure: Failure, label: CommitLabel, budgetLeft: number): RetryDecision {
  if (label !== "BEFORE_COMMIT") return { again: false, why: "a commit step had begun" };
  if (!run.retryOn.includes(failure.category) && !byOperators.includes(failure.category)) {
    return { again: false, why: `${failure.category} is not among the categories to retry` };
  }
  if (uncounted.includes(failure.category) && run.notReadyCount < limits.notReadyMax) {
    const why = "it was not the run's doing; another machine may do";
    return { again: true, counts: false, spends: false, why, delayMs: 0 };
  }
  if (run.attemptsUsed >= run.attemptsMax) {
    return { again: false, why: `all ${run.attemptsMax} attempts are used` };
  }
  const spends = run.attemptsUsed > 1 || !losses.includes(failure.category);
  if (spends && budgetLeft < retryBudget.perRetry) {
    return {
      again: false,
      why: "too many runs of this workflow were tried again of late: its budget of retries is used up",
    };
  }
  const { delayMs, delayMaxMs } = run.pace;
  return {
    again: true,
    counts: true,
    spends,
    why: `no commit step had begun (attempt ${run.attemptsUsed} of ${run.attemptsMax})`,
    delayMs: Math.min(delayMs * 2 ** (run.attemptsUsed - 1), delayMaxMs),
  };
}
