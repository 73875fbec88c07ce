// What happened to a run, as its watchers see it (G8). Holds nothing sensitive: outputs are read from the run.

import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { Outcome } from "./run.ts";
import type { Verdict } from "./verdict.ts";

interface InAttempt {
  readonly attempt: number;
  readonly machine: string;
}

export type EventBody =
  | { readonly kind: "QUEUED" }
  | ({ readonly kind: "PLACED" } & InAttempt)
  | ({ readonly kind: "PROVED"; readonly verdict: Verdict } & InAttempt)
  | ({ readonly kind: "REPAIRING"; readonly step: string } & InAttempt)
  | ({ readonly kind: "STEP_STARTED"; readonly step: string } & InAttempt)
  | ({ readonly kind: "STEP_DONE"; readonly step: string; readonly durationMs: number } & InAttempt)
  | ({
      readonly kind: "STEP_FAILED";
      readonly step: string;
      readonly durationMs: number;
      readonly failure: Failure;
    } & InAttempt)
  | ({ readonly kind: "HOLDING" } & InAttempt)
  | ({ readonly kind: "RESUMED" } & InAttempt)
  | ({ readonly kind: "ATTEMPT_ENDED"; readonly label: CommitLabel; readonly failure?: Failure } & InAttempt)
  | { readonly kind: "REQUEUED" }
  | { readonly kind: "CANCEL_REQUESTED" }
  | {
      readonly kind: "ENDED";
      readonly outcome: Outcome;
      readonly label: CommitLabel;
      readonly failure?: Failure & { readonly retryDecision: string };
    };
