// What happened to a run, as its watchers see it (G8). Holds nothing sensitive: outputs are read from the run.

import type { AttemptPurpose } from "./attempt.ts";
import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { HoldReason } from "./machine.ts";
import type { Instant } from "./names.ts";
import type { Outcome, ResolveAs, Verification } from "./run.ts";
import type { Verdict } from "./verdict.ts";

interface InAttempt {
  readonly attempt: number;
  readonly machine: string;
}

export type EventBody =
  | { readonly kind: "QUEUED" }
  | ({ readonly kind: "PLACED"; readonly purpose?: AttemptPurpose } & InAttempt)
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
  | ({ readonly kind: "HOLDING"; readonly reason: HoldReason | "MACHINE_SILENT" } & InAttempt)
  | ({ readonly kind: "RESUMED" } & InAttempt)
  | ({ readonly kind: "ATTEMPT_ENDED"; readonly label: CommitLabel; readonly failure?: Failure } & InAttempt)
  | { readonly kind: "REQUEUED"; readonly why?: string; readonly notBeforeAt?: Instant }
  | { readonly kind: "UNSETTLED" }
  | ({ readonly kind: "VERIFIED"; readonly verification: Verification } & InAttempt)
  | { readonly kind: "RESOLVED"; readonly resolvedAs: ResolveAs }
  | { readonly kind: "CANCEL_REQUESTED" }
  | { readonly kind: "MOVED_TO_FRONT" }
  | {
      readonly kind: "ENDED";
      readonly outcome: Outcome;
      readonly label: CommitLabel;
      readonly failure?: Failure & { readonly retryDecision: string };
    };
