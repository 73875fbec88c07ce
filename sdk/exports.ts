// What index.ts and web.ts both offer.

export type { ClientOptions, DroverClient, TransportMaker } from "./client.ts";
export type { Pictures, PutOptions } from "./definitions.ts";
export {
  DroverError,
  InvalidRequest,
  PermissionDenied,
  Refused,
  ServerFault,
  Unauthenticated,
  Unavailable,
  type Violation,
  WaitTimedOut,
} from "./errors.ts";
export type { RunEnded, RunEvent } from "./events.ts";
export type { Application } from "./gen/drover/v1/application_pb.ts";
export { type Artifact, ArtifactKind } from "./gen/drover/v1/artifact_pb.ts";
export { Reason } from "./gen/drover/v1/error_pb.ts";
export { AttemptPurpose, RunEventKind } from "./gen/drover/v1/event_pb.ts";
export { type Explanation, type NearMachine, type WaitCause, WaitReason } from "./gen/drover/v1/explanation_pb.ts";
export type { Halt } from "./gen/drover/v1/halt_pb.ts";
export { type Key, Scope } from "./gen/drover/v1/key_pb.ts";
export { type EnrolmentToken, type Machine, MachineStatus } from "./gen/drover/v1/machine_pb.ts";
export { CommitLabel, type FailureContext, Outcome, type Resolution } from "./gen/drover/v1/outcome_pb.ts";
export type { Limit, Pause } from "./gen/drover/v1/queue_pb.ts";
export {
  type Release,
  type Rollout,
  type RolloutFailure,
  RolloutFault,
  type RolloutRing,
  RolloutState,
  StopReason,
} from "./gen/drover/v1/release_pb.ts";
export { type Attempt, type Run, RunState } from "./gen/drover/v1/run_pb.ts";
export type { Workflow } from "./gen/drover/v1/workflow_pb.ts";
export type { HaltTarget } from "./halts.ts";
export type { KeyWanted } from "./keys.ts";
export type { ClientLimits } from "./limits.ts";
export { defaultLimits } from "./limits.ts";
export type { MachineFilter, TokenWanted } from "./machines.ts";
export {
  type AttemptPurposeName,
  type CommitLabelName,
  type Inputs,
  type MachineStatusName,
  nameOf,
  type OutcomeName,
  type Outputs,
  type RefusalReason,
  type ResolveAsName,
  type RunEventKindName,
  type RunStateName,
  type ScopeName,
  type WaitReasonName,
} from "./names.ts";
export {
  RunCancelled,
  RunExpired,
  RunFailed,
  type RunFailure,
  RunNotSucceeded,
  RunUnknown,
} from "./outcomes.ts";
export { all } from "./pages.ts";
export type { LimitTarget, PauseTarget } from "./queue.ts";
export type { AddReleaseOptions, ReleaseWanted, RolloutOptions } from "./releases.ts";
export type { Retention } from "./retention.ts";
export type { ResolveOptions, RunFilter, RunHandle, StartItem, StartOptions, StartResult } from "./runs.ts";
export type { WatchOptions } from "./watch.ts";
export type { WatchedEvent, WatchRunsOptions } from "./watch-many.ts";
