// The agent port: grpc-js listens, a key lets a machine in, and each stream gets its session.

import { ChannelService } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { DiagnosisService } from "@drover/proto/gen/drover/agent/v1/diagnosis_pb.ts";
import { EnrolmentService } from "@drover/proto/gen/drover/agent/v1/enrolment_pb.ts";
import { ReleaseService } from "@drover/proto/gen/drover/agent/v1/release_pb.ts";
import { serviceDefinition } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import type { Engine } from "../engine/engine.ts";
import type { Loop } from "../engine/loop.ts";
import { type AttachCall, type Serving, serveAttach } from "./attach.ts";
import { type DiagnoseAnswer, type DiagnoseCall, serveDiagnose } from "./diagnosis.ts";
import { type EnrolAnswer, type EnrolCall, serveEnrol } from "./enrol.ts";
import { createPictureShelf } from "./pictures.ts";
import { createDownloads, type DownloadCall } from "./releases.ts";
import type { Session } from "./session.ts";
import { startStrays } from "./strays.ts";

const { status } = grpc;

export interface ChannelOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Releases of the agent that are downloaded from this replica at the same time. */
  readonly downloadsMax: number;
}

export interface AgentListener {
  readonly port: number;
  /** From here on streams are served. Before it, agents are told to come back. */
  serve(engine: Engine): void;
  /** Tells every agent to go elsewhere, and stops. Idempotent. */
  stop(addresses: readonly string[]): Promise<void>;
}

/** Listens first, so that the port is known before the replica's row tells agents of it. */
export async function listenForAgents(options: ChannelOptions): Promise<AgentListener> {
  let served: Serving | undefined;
  let stopping = false;
  const sessions = new Set<Session>();
  let strays: Loop | undefined;
  const server = new grpc.Server({
    "grpc.max_receive_message_length": 1024 * 1024,
    // Only beats decide who lives; this closes sockets of peers that are long gone.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  // A call that is over for its peer may still be asking the store: the store is not to close before.
  const underWay = new Set<Promise<void>>();
  const follow = (call: Promise<void>) => {
    underWay.add(call);
    void call.finally(() => underWay.delete(call));
  };
  const serving = () => (served === undefined || stopping || !served.engine.replica.isLive() ? undefined : served);
  server.addService(serviceDefinition(ChannelService), {
    attach: (call: AttachCall) => follow(serveAttach(call, serving, sessions)),
  });
  server.addService(serviceDefinition(EnrolmentService), {
    enrol: (call: EnrolCall, answer: EnrolAnswer) => follow(serveEnrol(call, answer, serving)),
  });
  server.addService(serviceDefinition(DiagnosisService), {
    diagnose: (call: DiagnoseCall, answer: DiagnoseAnswer) => follow(serveDiagnose(call, answer, serving)),
  });
  const download = createDownloads(options.downloadsMax, serving);
  server.addService(serviceDefinition(ReleaseService), {
    download: (call: DownloadCall) => follow(download(call)),
  });
  const credentials =
    options.tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [{ cert_chain: options.tls.cert, private_key: options.tls.key }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${options.host}:${options.port}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  let stopped: Promise<void> | undefined;
  return {
    port,
    serve(engine) {
      served = { engine, pictures: createPictureShelf(engine.context.database.sql) };
      strays = startStrays(engine.context, sessions);
      engine.replica.onLapse(() => {
        for (const session of sessions) session.end(status.UNAVAILABLE, "this replica's row had lapsed; attach again");
      });
    },
    stop(addresses) {
      stopping = true;
      stopped ??= (async () => {
        await strays?.stop();
        await Promise.all([...sessions].map((s) => s.goAway("this replica stops", addresses)));
        await new Promise<void>((resolve) => {
          const force = setTimeout(() => server.forceShutdown(), 2_000);
          server.tryShutdown(() => {
            clearTimeout(force);
            resolve();
          });
        });
        await Promise.all(underWay);
      })();
      return stopped;
    },
  };
}
