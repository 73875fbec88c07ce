// A run and its states. What changes them is `advance.ts`.

import type { Ending } from "./attempt.ts";
import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { VerifyPlan } from "./interpreter.ts";
import type { AttemptId, Instant, Json, MachineId, RunId } from "./names.ts";
import type { RetryPace } from "./retry.ts";

/**
 * `unsettled`: an attempt is over, and a commit step of it may have taken hold; a machine is wanted on which the workflow's
 * `verify` steps can find out. `verifying`: they are under way.
 */
export const runStates = ["queued", "running", "cancelling", "unsettled", "verifying", "ended"] as const;
export const outcomes = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "UNKNOWN"] as const;
export type Outcome = (typeof outcomes)[number];

export type RunState =
  | { readonly is: "queued"; readonly deadlineAt: Instant; readonly notBeforeAt?: Instant }
  | { readonly is: "running"; readonly attemptId: AttemptId; readonly deadlineAt: Instant }
  | { readonly is: "cancelling"; readonly attemptId: AttemptId; readonly deadlineAt: Instant }
  | { readonly is: "unsettled"; readonly deadlineAt: Instant; readonly notBeforeAt?: Instant }
  | { readonly is: "verifying"; readonly attemptId: AttemptId; readonly deadlineAt: Instant }
  | {
      readonly is: "ended";
      readonly outcome: Outcome;
      readonly label: CommitLabel;
      readonly at: Instant;
      readonly outputs?: Json;
      readonly failure?: Failure & { readonly retryDecision: string };
    };

/** What `verify` steps found out about all that the workflow commits. */
export type Verification = "HELD" | "NOT_HELD" | "UNCLEAR";

/** The attempt that left the run so that nobody knows whether a commit took hold. */
export interface Unsettled {
  readonly attemptId: AttemptId;
  readonly machineId: MachineId;
  /** Why it ended, and where its steps stood. */
  readonly ending: Exclude<Ending, { readonly is: "succeeded" | "verified" }>;
  /** Commit steps that were sent in it. */
  readonly commitsBegun: number;
  /** Where `verify` can find out. */
  readonly on: VerifyPlan["on"];
  /** Verify attempts so far. */
  readonly tries: number;
  /**
   * When the newest verify attempt began, the machine was away, or just back: what has not taken hold on it may still do so.
   */
  readonly away?: boolean;
  /** A cancel was asked for meanwhile: whatever is found out, the run is not tried again. */
  readonly cancelled?: true;
}

export const resolveAs = ["SUCCEEDED", "FAILED", "RETRY"] as const;
export type ResolveAs = (typeof resolveAs)[number];

/** How a person settled a run that had ended UNKNOWN. */
export interface Resolution {
  readonly as: ResolveAs;
  /** With FAILED: it is known that nothing took hold. */
  readonly nothingCommitted: boolean;
  /** The owner of the key. */
  readonly by: string;
  readonly at: Instant;
  /** In their words. Sensitive (G11). */
  readonly note: string;
}

export interface Run {
  readonly id: RunId;
  readonly state: RunState;
  readonly attemptsUsed: number;
  readonly attemptsMax: number;
  /** Failure categories that its workflow's author wants tried again. */
  readonly retryOn: readonly string[];
  /** How long it waits before another attempt, and where that may be. */
  readonly pace: RetryPace;
  /** Placements that ended through the machine's or an operator's doing, and were not counted as attempts. */
  readonly notReadyCount: number;
  /** The machine that the attempt before failed on: the next one is on another. */
  readonly avoid: readonly MachineId[];
  /** Above 0: an operator has moved it before all others of its pool; the highest goes first. */
  readonly front: number;
  readonly queueTimeoutMs: number;
  readonly timeoutMs: number;
  /** From the first placement on: the whole run's deadline. */
  readonly runDeadlineAt?: Instant;
  /** While it is unsettled or verifying, and after it ended UNKNOWN. */
  readonly unsettled?: Unsettled;
  readonly resolution?: Resolution;
}
