// Runs, attempts and events as messages of drover.v1. A word of the rules is the name of its enum's value.

import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  AttemptPurpose,
  RunEventKind,
  type RunEventSchema,
  Verification,
} from "@drover/proto/gen/drover/v1/event_pb.ts";
import {
  CommitLabel,
  type FailureSchema,
  Outcome,
  type ReadinessProofSchema,
  type ResolutionSchema,
  ResolveAs,
} from "@drover/proto/gen/drover/v1/outcome_pb.ts";
import { type AttemptSchema, type RunSchema, RunState } from "@drover/proto/gen/drover/v1/run_pb.ts";
import type { Failure } from "../rules/failure.ts";
import type { Instant, Json } from "../rules/names.ts";
import { type Resolution, runStates } from "../rules/run.ts";
import type { ReadinessProof } from "../rules/verdict.ts";
import type { RunEvent } from "../store/events.ts";
import type { AttemptView, RunDetail, RunView } from "../store/run-reads.ts";

export const timestamp = (at: Instant | null) => (at === null ? undefined : timestampFromMs(at));

/** A Struct, which can only be an object. */
export const struct = (value: Json | null | undefined): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

const states = {
  queued: RunState.QUEUED,
  running: RunState.RUNNING,
  cancelling: RunState.CANCELLING,
  unsettled: RunState.UNSETTLED,
  verifying: RunState.VERIFYING,
  ended: RunState.ENDED,
} as const satisfies Record<RunView["state"], RunState>;

export const stateOf = (state: RunState): RunView["state"] | undefined => runStates.find((is) => states[is] === state);

export function runMessage(run: RunView) {
  return {
    id: run.id,
    workflow: run.workflow,
    workflowVersion: run.workflowVersion,
    state: states[run.state],
    outcome: run.outcome === null ? Outcome.UNSPECIFIED : Outcome[run.outcome],
    failure: failureMessage(run.failure),
    commitLabel: run.commitLabel === null ? CommitLabel.UNSPECIFIED : CommitLabel[run.commitLabel],
    lastEvent: BigInt(run.lastEvent),
    priority: run.priority,
    createdAt: timestamp(run.createdAt),
    startedAt: timestamp(run.startedAt),
    endedAt: timestamp(run.endedAt),
    notBefore: timestamp(run.notBeforeAt),
    caller: run.caller,
    movedToFront: run.front > 0 && (run.state === "queued" || run.state === "unsettled"),
    pool: run.pool,
    waitingSince: timestamp(run.waitsSince),
  } satisfies MessageInitShape<typeof RunSchema>;
}

/** What only GetRun tells. */
export const valuesMessage = (run: RunDetail) => ({
  inputs: struct(run.inputs),
  outputs: run.outcome === "SUCCEEDED" ? struct(run.outputs) : undefined,
});

/** What GetRun and ResolveRun tell: how it went. */
export const courseMessage = (run: RunDetail, attempts: readonly AttemptView[]) => ({
  attempts: attempts.map(attemptMessage),
  resolution: run.resolution === null ? undefined : resolutionMessage(run.resolution),
});

const resolutionMessage = (resolution: Resolution): MessageInitShape<typeof ResolutionSchema> => ({
  resolvedAs: ResolveAs[resolution.as],
  by: resolution.by,
  at: timestamp(resolution.at),
  note: resolution.note,
});

function attemptMessage(attempt: AttemptView): MessageInitShape<typeof AttemptSchema> {
  return {
    id: attempt.id,
    number: attempt.number,
    machineId: attempt.machineId,
    machineName: attempt.machineName,
    startedAt: timestamp(attempt.startedAt),
    endedAt: timestamp(attempt.endedAt),
    commitLabel: attempt.endedAt === null ? CommitLabel.UNSPECIFIED : CommitLabel[attempt.commitLabel],
    failure: failureMessage(attempt.failure),
    proof: attempt.proof === null ? undefined : proofMessage(attempt.proof),
    stepsDone: attempt.stepsDone,
    purpose: purposes[attempt.purpose],
  };
}

const purposes: Record<AttemptView["purpose"], AttemptPurpose> = {
  attempt: AttemptPurpose.ATTEMPT,
  verify: AttemptPurpose.VERIFY,
  upkeep: AttemptPurpose.UPKEEP,
};

export const proofMessage = (proof: ReadinessProof): MessageInitShape<typeof ReadinessProofSchema> => ({
  verdict: proof.verdict,
  surfaceCause: proof.surfaceCause ?? "",
  evidence: proof.evidence.map(({ probe, held, score }) => ({ probe, held, score: score ?? 0 })),
  frameArtifactId: proof.frame ?? "",
  screenWidth: proof.screen.width,
  screenHeight: proof.screen.height,
});

export const failureMessage = (
  failure: (Failure & { readonly retryDecision?: string }) | null | undefined,
): MessageInitShape<typeof FailureSchema> | undefined =>
  failure === null || failure === undefined
    ? undefined
    : {
        category: failure.category,
        message: failure.message,
        step: failure.step ?? "",
        retryDecision: failure.retryDecision ?? "",
      };

/** `outputs` with ENDED only. */
export function eventMessage({ number, at, body }: RunEvent, outputs?: Json): MessageInitShape<typeof RunEventSchema> {
  return {
    number: BigInt(number),
    at: timestamp(at),
    kind: RunEventKind[body.kind],
    attempt: "attempt" in body ? body.attempt : 0,
    machine: "machine" in body ? body.machine : "",
    step: "step" in body ? body.step : "",
    verdict: "verdict" in body ? body.verdict : "",
    failure: "failure" in body ? failureMessage(body.failure) : undefined,
    commitLabel: "label" in body ? CommitLabel[body.label] : CommitLabel.UNSPECIFIED,
    outcome: "outcome" in body ? Outcome[body.outcome] : Outcome.UNSPECIFIED,
    outputs: struct(outputs),
    duration: "durationMs" in body ? durationFromMs(body.durationMs) : undefined,
    purpose: "purpose" in body && body.purpose !== undefined ? purposes[body.purpose] : AttemptPurpose.UNSPECIFIED,
    holdReason: "reason" in body ? body.reason : "",
    verification: "verification" in body ? Verification[body.verification] : Verification.UNSPECIFIED,
    resolvedAs: "resolvedAs" in body ? ResolveAs[body.resolvedAs] : ResolveAs.UNSPECIFIED,
    notBefore: "notBeforeAt" in body && body.notBeforeAt !== undefined ? timestamp(body.notBeforeAt) : undefined,
  };
}
