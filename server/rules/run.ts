// A run and its states. What changes them is `advance.ts`.

import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { AttemptId, Instant, Json, MachineId, RunId } from "./names.ts";

export const runStates = ["queued", "running", "cancelling", "ended"] as const;
export const outcomes = ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "UNKNOWN"] as const;
export type Outcome = (typeof outcomes)[number];

export type RunState =
  | { readonly is: "queued"; readonly deadlineAt: Instant }
  | { readonly is: "running"; readonly attemptId: AttemptId; readonly deadlineAt: Instant }
  | { readonly is: "cancelling"; readonly attemptId: AttemptId; readonly deadlineAt: Instant }
  | {
      readonly is: "ended";
      readonly outcome: Outcome;
      readonly label: CommitLabel;
      readonly at: Instant;
      readonly outputs?: Json;
      readonly failure?: Failure & { readonly retryDecision: string };
    };

export interface Run {
  readonly id: RunId;
  readonly state: RunState;
  readonly attemptsUsed: number;
  readonly attemptsMax: number;
  /** Failure categories that its workflow's author wants tried again. */
  readonly retryOn: readonly string[];
  /** Placements that ended NOT_READY and were not counted as attempts. */
  readonly notReadyCount: number;
  /** The machine that the attempt before failed on: the next one is on another. */
  readonly avoid: readonly MachineId[];
  readonly queueTimeoutMs: number;
  readonly timeoutMs: number;
  /** From the first placement on: the whole run's deadline. */
  readonly runDeadlineAt?: Instant;
}
