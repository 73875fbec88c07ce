// Asking a control plane what it sees of this agent, and where the way to it ends if it does not answer. The call itself is
// the proof that the server is reached, because it takes the way that the agent takes, proxies included; only when it fails
// is the way tried step by step, to say where it ends.

import { lookup } from "node:dns/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { DiagnosisService, KeyState } from "@drover/proto/gen/drover/agent/v1/diagnosis_pb.ts";
import { callUnary } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { channelCredentials, channelOptions, type ServerAddress } from "./server-address.ts";

export interface ServerAnswer {
  /** The server's calendar less this machine's, at the middle of the call. */
  readonly aheadMs: number;
  readonly roundTripMs: number;
  readonly protocolVersions: readonly number[];
  readonly key: "none" | "good" | "refused";
}

/** Where the way to a server ends. */
export type ServerReached =
  | { readonly got: "answer"; readonly answer: ServerAnswer }
  | { readonly got: "unknown-name" | "refused" | "silent" }
  /** TLS was spoken to it, and it has none; or the other way round. */
  | { readonly got: "no-tls" | "wants-tls" }
  | { readonly got: "untrusted"; readonly why: string }
  | { readonly got: "not-agent-port" }
  /** It is an agent port, and cannot serve now. */
  | { readonly got: "unavailable"; readonly why: string };

const keyStates: Readonly<Partial<Record<KeyState, ServerAnswer["key"]>>> = {
  [KeyState.GOOD]: "good",
  [KeyState.REFUSED]: "refused",
};

const CALL_WITHIN_MS = 4000;
const STEP_WITHIN_MS = 2000;

export async function reachServer(server: ServerAddress, machineKey: string | undefined): Promise<ServerReached> {
  const opened: Socket[] = [];
  const client = new grpc.Client(
    server.target,
    channelCredentials(server, (socket) => opened.push(socket)),
    channelOptions(server),
  );
  try {
    // The first call pays for the connection; the second one's round trip is the error of what it says of the time.
    await diagnose(client, machineKey);
    return { got: "answer", answer: await diagnose(client, machineKey) };
  } catch (error) {
    return await whereItEnds(server, error as grpc.ServiceError);
  } finally {
    client.close();
    for (const socket of opened) socket.destroy();
  }
}

async function diagnose(client: grpc.Client, machineKey: string | undefined): Promise<ServerAnswer> {
  const metadata = new grpc.Metadata();
  if (machineKey !== undefined) metadata.set("authorization", `Bearer ${machineKey}`);
  const [sentAt, began] = [Date.now(), performance.now()];
  const options = { deadline: sentAt + CALL_WITHIN_MS };
  const { unixMs, protocolVersions, key } = await callUnary(
    client,
    DiagnosisService.method.diagnose,
    {},
    options,
    metadata,
  );
  const roundTripMs = performance.now() - began;
  return {
    aheadMs: Number(unixMs) - (sentAt + roundTripMs / 2),
    roundTripMs,
    protocolVersions,
    key: keyStates[key] ?? "none",
  };
}

async function whereItEnds(server: ServerAddress, { code, details }: grpc.ServiceError): Promise<ServerReached> {
  if (code === grpc.status.UNIMPLEMENTED) return { got: "not-agent-port" };
  const { host, port } = hostAndPort(server.target);
  try {
    await lookup(host);
  } catch {
    return { got: "unknown-name" };
  }
  const socket = await dialled(connectTcp({ host, port }), "connect");
  if (socket !== "connect") return { got: socket === "silent" ? "silent" : "refused" };
  const ca = server.authorities === undefined ? {} : { ca: server.authorities };
  const options = { host, port, ...(isAddress(host) ? {} : { servername: host }), ALPNProtocols: ["h2"], ...ca };
  const secure = await dialled(connectTls(options), "secureConnect");
  if (!server.tls)
    return { got: secure === "secureConnect" || isCertificateFault(secure) ? "wants-tls" : "not-agent-port" };
  if (secure === "silent") return { got: "silent" };
  if (secure !== "secureConnect") {
    if (isCertificateFault(secure)) return { got: "untrusted", why: secure };
    return { got: secure === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" ? "not-agent-port" : "no-tls" };
  }
  if (code === grpc.status.UNAVAILABLE && !/protocol|connect/i.test(details))
    return { got: "unavailable", why: details };
  return { got: "not-agent-port" };
}

/** The event, once it came; else the code of what went wrong, or `silent`. The socket is closed in any case. */
function dialled(socket: Socket, event: "connect" | "secureConnect"): Promise<string> {
  return new Promise((resolve) => {
    const done = (what: string) => {
      resolve(what);
      socket.destroy();
    };
    socket.setTimeout(STEP_WITHIN_MS, () => done("silent"));
    socket.once(event, () => done(event));
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? "ERR"));
  });
}

const isCertificateFault = (code: string): boolean => /CERT|SIGNATURE|ISSUER|ALTNAME|CRL/.test(code);

const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);

function hostAndPort(target: string): { host: string; port: number } {
  const at = target.lastIndexOf(":");
  return { host: target.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(target.slice(at + 1)) };
}
