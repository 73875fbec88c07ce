// The call of Diagnose: what the control plane sees of an agent. Changes nothing, and tells nobody anything of a machine
// but whether the key that was sent is good.

import { create } from "@bufbuild/protobuf";
import {
  type DiagnoseRequest,
  type DiagnoseResponse,
  DiagnoseResponseSchema,
  KeyState,
} from "@drover/proto/gen/drover/agent/v1/diagnosis_pb.ts";
import { type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { errorText } from "../engine/loop.ts";
import { readNow } from "../store/database.ts";
import { protocolVersion, type Serving } from "./attach.ts";
import { type Caller, callerOf } from "./machine-key.ts";

export type DiagnoseCall = ServerUnaryCall<DiagnoseRequest, DiagnoseResponse>;
export type DiagnoseAnswer = sendUnaryData<DiagnoseResponse>;

const keyStates: Record<Caller["is"], KeyState> = {
  nobody: KeyState.UNSPECIFIED,
  unknown: KeyState.REFUSED,
  machine: KeyState.GOOD,
};

export async function serveDiagnose(
  call: DiagnoseCall,
  answer: DiagnoseAnswer,
  serving: () => Serving | undefined,
): Promise<void> {
  const away = () => answer({ code: status.UNAVAILABLE, details: "this replica cannot serve now; try again" });
  const now = serving();
  if (now === undefined) return away();
  const { engine } = now;
  try {
    const caller = await callerOf(call, engine);
    const unixMs = BigInt(await readNow(engine.context.database.sql));
    const key = keyStates[caller.is];
    answer(null, create(DiagnoseResponseSchema, { unixMs, protocolVersions: [protocolVersion], key }));
  } catch (error) {
    engine.context.log.warn("a diagnosis could not be given", { error: errorText(error) });
    away();
  }
}
