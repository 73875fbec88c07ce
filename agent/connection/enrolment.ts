// Enrolment: spends one use of a token for a machine key of its own, and keeps that in the state directory.

import { EnrolmentService } from "@drover/proto/gen/drover/agent/v1/enrolment_pb.ts";
import { callUnary } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { type Identity, requireRoomForIdentity, saveIdentity } from "../identity.ts";
import { WrongSetting } from "../settings.ts";
import { channelCredentials, channelOptions, type ServerAddress } from "./server-address.ts";
import { isServiceError } from "./service-error.ts";

/** The machine is not enrolled, for a reason outside its settings: one clear line, exit 1. */
export class NotEnrolled extends Error {
  override readonly name = "NotEnrolled";
}

export interface EnrolOptions {
  readonly server: ServerAddress;
  readonly token: string;
  readonly name: string;
  readonly stateDir: string;
  readonly timeoutMs?: number;
}

/** Enrols this machine. Not idempotent: each call spends a token and a name for a key that is told once, so a state
 * directory that is enrolled, or could not keep the key, is refused before. */
export async function enrol({ server, token, name, stateDir, timeoutMs = 15_000 }: EnrolOptions): Promise<Identity> {
  requireRoomForIdentity(stateDir);
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
    throw isServiceError(error) ? refusal(error, server) : error;
  } finally {
    client.close();
  }
}

function refusal({ code, details }: grpc.ServiceError, server: ServerAddress): Error {
  switch (code) {
    case grpc.status.UNAUTHENTICATED:
      return new WrongSetting("the enrolment token is unknown, expired, revoked or spent");
    case grpc.status.ALREADY_EXISTS:
      return new WrongSetting("a machine of this name is already enrolled");
    case grpc.status.INVALID_ARGUMENT:
      return new WrongSetting("the server refused the token or the name as malformed");
    case grpc.status.UNAVAILABLE:
      return new NotEnrolled(noConnection(details, server));
    case grpc.status.UNIMPLEMENTED:
      return new NotEnrolled(
        `there is no agents' port at ${server.target}: this looks like the API's port (agents use 7401 by default)`,
      );
    case grpc.status.DEADLINE_EXCEEDED:
      return new NotEnrolled(
        `${server.target} did not answer in time: is this the server's agents' port? If it is, see with ` +
          '"drover machines" whether this machine was enrolled before you try again',
      );
    default:
      return new NotEnrolled(`${server.target} refused to enrol this machine: ${grpc.status[code]}: ${details}`);
  }
}

/** What to do about a connection that did not come about, as told by the text that grpc-js has of it. */
function noConnection(details: string, { target, tls, authorities }: ServerAddress): string {
  // A name that is not known, a refused or a silent port: nobody was there to be misunderstood.
  if (details.includes("Name resolution failed")) return `the name in ${target} is not known: is the address right?`;
  if (/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/.test(details)) {
    return `nothing answers at ${target}: is the server running, and is this its agents' port?`;
  }
  if (tls && details.includes("wrong version number")) {
    return `${target} does not speak TLS: say http:// if the server is meant to be without it`;
  }
  if (tls && /certificate|altnames|CERT_/i.test(details)) {
    const why = /Last error: (?:Error: )?(.*?)(?:\. Resolution note|$)/.exec(details)?.[1] ?? details;
    const remedy = authorities === undefined ? "name its authority with --ca FILE" : "is --ca its authority?";
    return `the certificate of ${target} is not trusted (${why}): ${remedy}`;
  }
  if (tls && details.includes("application protocol")) return notAgentsPort(target);
  if (!tls && details.includes("Failed to connect")) {
    return `${target} closed the connection: it may want TLS, so try https://`;
  }
  if (!tls && details.includes("Protocol error")) return notAgentsPort(target);
  return `there is no connection to ${target}: ${details}`;
}

const notAgentsPort = (target: string): string =>
  `${target} does not speak the agents' protocol: is this the server's agents' port (7401 by default)?`;
