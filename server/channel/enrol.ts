// The call of Enrol: a token buys a machine's own key.

import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type EnrolRequest,
  EnrolRequestSchema,
  type EnrolResponse,
  EnrolResponseSchema,
} from "@drover/proto/gen/drover/agent/v1/enrolment_pb.ts";
import { type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { enrol } from "../engine/enrolling.ts";
import { errorText } from "../engine/loop.ts";
import type { Serving } from "./attach.ts";

export type EnrolCall = ServerUnaryCall<EnrolRequest, EnrolResponse>;
export type EnrolAnswer = sendUnaryData<EnrolResponse>;

const validator = createValidator();

export async function serveEnrol(
  call: EnrolCall,
  answer: EnrolAnswer,
  serving: () => Serving | undefined,
): Promise<void> {
  const refuse = (code: status, details: string) => answer({ code, details });
  const now = serving();
  if (now === undefined) return refuse(status.UNAVAILABLE, "this replica cannot serve now; try again");
  const { engine } = now;
  const checked = validator.validate(EnrolRequestSchema, call.request);
  if (checked.kind !== "valid") {
    return refuse(
      status.INVALID_ARGUMENT,
      "token or name is malformed: a name is lower-case letters, digits, dots and dashes",
    );
  }
  try {
    const enrolled = await enrol(engine.context, call.request.token, call.request.name);
    if (enrolled.is === "token-refused") {
      return refuse(status.UNAUTHENTICATED, "the enrolment token is not known, has ended or is spent");
    }
    if (enrolled.is === "name-taken") {
      return refuse(status.ALREADY_EXISTS, "a machine of this name exists in the tenant; choose another name");
    }
    answer(null, create(EnrolResponseSchema, { machineId: enrolled.machineId, machineKey: enrolled.machineKey }));
  } catch (error) {
    engine.context.log.warn("a machine could not be enrolled", { error: errorText(error) });
    refuse(status.UNAVAILABLE, "this replica cannot serve now; try again");
  }
}
