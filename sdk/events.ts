// The events of a run as a union: each kind carries what it owns, so that `switch (event.kind)` is checked.

import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { AttemptPurpose, RunEventKind, Verification, type RunEvent as WireEvent } from "./gen/drover/v1/event_pb.ts";
import { CommitLabel, type Failure, Outcome, ResolveAs } from "./gen/drover/v1/outcome_pb.ts";
import {
  type AttemptPurposeName,
  type CommitLabelName,
  nameOf,
  type OutcomeName,
  type Outputs,
  type ResolveAsName,
  type VerificationName,
} from "./names.ts";
import type { RunFailure } from "./outcomes.ts";

interface AnyEvent {
  /** 1, 2, 3 within the run, without gaps. */
  number: number;
  /** When, on the server's clock. */
  at: Date;
  /** The attempt's number; 0 outside attempts. */
  attempt: number;
  /** The machine's name; empty when none is concerned. */
  machine: string;
  /** The message as it came. */
  wire: WireEvent;
}

interface StepDone {
  step: string;
  durationMs: number | undefined;
}

/** Something that happened to a run. */
export type RunEvent = AnyEvent &
  (
    | { kind: "QUEUED" | "RESUMED" | "CANCEL_REQUESTED" | "UNSETTLED" | "MOVED_TO_FRONT" }
    /** It waits at least until then. */
    | { kind: "REQUEUED"; notBefore: Date | undefined }
    | { kind: "PLACED"; purpose: AttemptPurposeName | undefined }
    /** MACHINE_SILENT, HALTED or HUMAN_PRESENT. */
    | { kind: "HOLDING"; reason: string }
    | { kind: "VERIFIED"; verification: VerificationName | undefined }
    | { kind: "RESOLVED"; resolvedAs: ResolveAsName | undefined }
    | { kind: "REPAIRING"; step: string }
    | { kind: "PROVED"; verdict: string }
    | { kind: "STEP_STARTED"; step: string }
    | ({ kind: "STEP_DONE" } & StepDone)
    | ({ kind: "STEP_FAILED"; failure: RunFailure | undefined } & StepDone)
    | { kind: "ATTEMPT_ENDED"; commitLabel: CommitLabelName | undefined; failure: RunFailure | undefined }
    | RunEnded
    // A kind that only a newer server knows. It is passed on, so that the numbers stay gapless.
    | { kind: "OTHER"; code: number }
  );

/** The last event of a run, unless it ended UNKNOWN and a person settles it later. */
export interface RunEnded {
  kind: "ENDED";
  outcome: OutcomeName | undefined;
  commitLabel: CommitLabelName | undefined;
  failure: RunFailure | undefined;
  /** Only if it SUCCEEDED. */
  outputs: Outputs | undefined;
}

/** The event as the union, from the message as it came. */
export function eventFrom(wire: WireEvent): RunEvent {
  const { step, verdict, machine, attempt } = wire;
  const at = wire.at === undefined ? new Date(0) : timestampDate(wire.at);
  const any: AnyEvent = { number: Number(wire.number), at, attempt, machine, wire };
  const kind = nameOf(RunEventKind, wire.kind);
  const failure = failureFrom(wire.failure);
  const commitLabel = nameOf(CommitLabel, wire.commitLabel);
  const took = wire.duration === undefined ? undefined : durationMs(wire.duration);
  switch (kind) {
    case undefined:
      return { ...any, kind: "OTHER", code: wire.kind };
    case "PLACED":
      return { ...any, kind, purpose: nameOf(AttemptPurpose, wire.purpose) };
    case "REQUEUED":
      return { ...any, kind, notBefore: wire.notBefore && timestampDate(wire.notBefore) };
    case "HOLDING":
      return { ...any, kind, reason: wire.holdReason };
    case "VERIFIED":
      return { ...any, kind, verification: nameOf(Verification, wire.verification) };
    case "RESOLVED":
      return { ...any, kind, resolvedAs: nameOf(ResolveAs, wire.resolvedAs) };
    case "PROVED":
      return { ...any, kind, verdict };
    case "REPAIRING":
    case "STEP_STARTED":
      return { ...any, kind, step };
    case "STEP_DONE":
      return { ...any, kind, step, durationMs: took };
    case "STEP_FAILED":
      return { ...any, kind, step, durationMs: took, failure };
    case "ATTEMPT_ENDED":
      return { ...any, kind, commitLabel, failure };
    case "ENDED":
      return { ...any, kind, outcome: nameOf(Outcome, wire.outcome), commitLabel, failure, outputs: wire.outputs };
    default:
      return { ...any, kind };
  }
}

/** A failure without the protocol's empty strings. */
export function failureFrom(wire: Failure | undefined): RunFailure | undefined {
  if (wire === undefined) return undefined;
  const { category, message, step, retryDecision } = wire;
  return { category, message, step: step || undefined, retryDecision: retryDecision || undefined };
}
