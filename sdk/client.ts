// The client: one or more replicas of the control plane behind one object. Which transport carries it is the caller's
// choice here and made for it in node.ts and web.ts.

import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { definitionsOver } from "./definitions.ts";
import { ApplicationService } from "./gen/drover/v1/application_pb.ts";
import { ArtifactService } from "./gen/drover/v1/artifact_pb.ts";
import { HaltService } from "./gen/drover/v1/halt_pb.ts";
import { KeyService } from "./gen/drover/v1/key_pb.ts";
import { MachineService } from "./gen/drover/v1/machine_pb.ts";
import { QueueService } from "./gen/drover/v1/queue_pb.ts";
import { ReleaseService } from "./gen/drover/v1/release_pb.ts";
import { RetentionService } from "./gen/drover/v1/retention_pb.ts";
import { RunService } from "./gen/drover/v1/run_pb.ts";
import { WorkflowService } from "./gen/drover/v1/workflow_pb.ts";
import { haltsOver } from "./halts.ts";
import { keysOver } from "./keys.ts";
import { type ClientLimits, defaultLimits } from "./limits.ts";
import { machinesOver } from "./machines.ts";
import { queueOver } from "./queue.ts";
import { releasesOver } from "./releases.ts";
import { joinReplicas } from "./replicas.ts";
import { retentionOver } from "./retention.ts";
import { runsOver } from "./runs.ts";

/** Where the control plane is and who is asking. */
export interface ClientOptions {
  /** The address of the API, for example `https://drover.example`; or one for each replica, the first preferred. */
  url: string | readonly string[];
  /** The key's secret, or what fetches it before each call. */
  key?: string | (() => string | Promise<string>) | undefined;
  /** Makes the way to one replica. Without it: HTTP/2 in Node, fetch in browsers. */
  transport?: TransportMaker | undefined;
  /** Other waits than the usual ones. */
  limits?: Partial<ClientLimits> | undefined;
  /** Ends every call of the client when it is aborted, besides the call's own; what is called then throws its reason. */
  signal?: AbortSignal | undefined;
}

/** Makes the way to one replica; it must run the interceptors. `closed` is aborted by `client.close()`. */
export type TransportMaker = (url: string, interceptors: Interceptor[], closed: AbortSignal) => Transport;

export type DroverClient = ReturnType<typeof createClientOver>;

/** Makes a client. Nothing is sent until it is used. */
export function createClientOver(makeTransport: TransportMaker, options: ClientOptions) {
  const limits: ClientLimits = { ...defaultLimits, ...options.limits };
  const closed = new AbortController();
  const interceptors = options.key === undefined ? [] : [authorize(options.key)];
  const urls = typeof options.url === "string" ? [options.url] : options.url;
  const replicas = joinReplicas(
    urls.map((url) => {
      const address = checkedUrl(url);
      return { url: address, transport: makeTransport(address, interceptors, closed.signal) };
    }),
    limits,
    closed.signal,
    options.signal,
  );
  const { transport } = replicas;
  return {
    ...runsOver(replicas, limits),
    ...definitionsOver(transport),
    ...machinesOver(transport),
    ...haltsOver(transport),
    ...queueOver(transport),
    ...keysOver(transport),
    ...releasesOver(transport),
    ...retentionOver(transport),
    /** The generated Connect clients, for what has no method here. They throw ConnectError. */
    services: {
      runs: createClient(RunService, transport),
      workflows: createClient(WorkflowService, transport),
      applications: createClient(ApplicationService, transport),
      machines: createClient(MachineService, transport),
      artifacts: createClient(ArtifactService, transport),
      halts: createClient(HaltService, transport),
      queue: createClient(QueueService, transport),
      keys: createClient(KeyService, transport),
      releases: createClient(ReleaseService, transport),
      retention: createClient(RetentionService, transport),
    },
    /** Closes the connections. Idle connections do not keep a process alive, so this is seldom needed. */
    close(): void {
      closed.abort();
    },
  };
}

function authorize(key: string | (() => string | Promise<string>)): Interceptor {
  return (next) => async (request) => {
    // Keys are kept in files, and files end with a line break.
    const secret = (typeof key === "string" ? key : await key()).trim();
    request.header.set("authorization", `Bearer ${secret}`);
    return next(request);
  };
}

function checkedUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TypeError(`"${url}" is no address of an API; expected something like http://127.0.0.1:7400`);
  }
  return url.replace(/\/+$/, "");
}
