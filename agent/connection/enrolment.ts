// Enrolment: spends one use of a token for a machine key of its own, and keeps that in the state directory.

import { EnrolmentService } from "@drover/proto/gen/drover/agent/v1/enrolment_pb.ts";
import { callUnary } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { hasIdentity, type Identity, saveIdentity } from "../identity.ts";
import { WrongSetting } from "../settings.ts";
import { channelCredentials, channelOptions, type ServerAddress } from "./server-address.ts";

export interface EnrolOptions {
  readonly server: ServerAddress;
  readonly token: string;
  readonly name: string;
  readonly stateDir: string;
  readonly timeoutMs?: number;
}

/** Enrols this machine. Not idempotent: each call makes a machine, so an enrolled state directory is refused. */
export async function enrol({ server, token, name, stateDir, timeoutMs = 15_000 }: EnrolOptions): Promise<Identity> {
  if (hasIdentity(stateDir)) throw new WrongSetting(`${stateDir} already holds a machine's identity`);
  const client = new grpc.Client(server.target, channelCredentials(server), channelOptions(server));
  try {
    const deadline = Date.now() + timeoutMs;
    const { machineId, machineKey } = await callUnary(
      client,
      EnrolmentService.method.enrol,
      { token, name },
      { deadline },
    );
    const identity = { machineId, machineKey };
    saveIdentity(stateDir, identity);
    return identity;
  } catch (error) {
    throw refusal(error) ?? error;
  } finally {
    client.close();
  }
}

function refusal(error: unknown): Error | undefined {
  switch ((error as Partial<grpc.ServiceError>).code) {
    case grpc.status.UNAUTHENTICATED:
      return new WrongSetting("the enrolment token is unknown, expired, revoked or spent");
    case grpc.status.ALREADY_EXISTS:
      return new WrongSetting("a machine of this name is already enrolled");
    case grpc.status.INVALID_ARGUMENT:
      return new WrongSetting("the server refused the token or the name as malformed");
    default:
      return undefined;
  }
}
