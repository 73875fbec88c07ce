// The words of the protocol's enums, as strings: "SUCCEEDED" instead of 1.

import type { JsonObject } from "@bufbuild/protobuf";
import type { Reason } from "./gen/drover/v1/error_pb.ts";
import type { AttemptPurpose, RunEventKind, Verification } from "./gen/drover/v1/event_pb.ts";
import type { WaitReason } from "./gen/drover/v1/explanation_pb.ts";
import type { Scope } from "./gen/drover/v1/key_pb.ts";
import type { MachineStatus } from "./gen/drover/v1/machine_pb.ts";
import type { CommitLabel, Outcome, ResolveAs } from "./gen/drover/v1/outcome_pb.ts";
import type { RunState } from "./gen/drover/v1/run_pb.ts";

type NameIn<Enum> = Exclude<keyof Enum & string, "UNSPECIFIED">;

export type OutcomeName = NameIn<typeof Outcome>;
export type RunStateName = NameIn<typeof RunState>;
export type CommitLabelName = NameIn<typeof CommitLabel>;
export type RunEventKindName = NameIn<typeof RunEventKind>;
export type AttemptPurposeName = NameIn<typeof AttemptPurpose>;
export type VerificationName = NameIn<typeof Verification>;
export type ResolveAsName = NameIn<typeof ResolveAs>;
export type MachineStatusName = NameIn<typeof MachineStatus>;
export type WaitReasonName = NameIn<typeof WaitReason>;
export type ScopeName = NameIn<typeof Scope>;

/** Why a call was refused. Open, because a newer server may know a reason that this client does not. */
export type RefusalReason = NameIn<typeof Reason> | (string & {});

/** What a run found, and what it is started with. */
export type Inputs = JsonObject;
export type Outputs = JsonObject;

/** The name of an enum's number; undefined for "unspecified" and for a number that only a newer server knows. */
export function nameOf<Enum extends Record<string, number>>(values: Enum, value: number): NameIn<Enum> | undefined {
  for (const [name, number] of Object.entries(values)) {
    if (number === value && number !== 0) return name as NameIn<Enum>;
  }
  return undefined;
}
