// All services on one router: each RPC passes the gate, the translation of errors, the end of its stream and the check of
// its request, in this order, and then reaches its handler.

import type { DescService } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { ApplicationService } from "@drover/proto/gen/drover/v1/application_pb.ts";
import { ArtifactService } from "@drover/proto/gen/drover/v1/artifact_pb.ts";
import { HaltService } from "@drover/proto/gen/drover/v1/halt_pb.ts";
import { KeyService } from "@drover/proto/gen/drover/v1/key_pb.ts";
import { MachineService } from "@drover/proto/gen/drover/v1/machine_pb.ts";
import { QueueService } from "@drover/proto/gen/drover/v1/queue_pb.ts";
import { ReleaseService } from "@drover/proto/gen/drover/v1/release_pb.ts";
import { RetentionService } from "@drover/proto/gen/drover/v1/retention_pb.ts";
import { RunService } from "@drover/proto/gen/drover/v1/run_pb.ts";
import { WorkflowService } from "@drover/proto/gen/drover/v1/workflow_pb.ts";
import { Health } from "@drover/proto/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "@drover/proto/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "@drover/proto/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createGate, endStreams } from "./auth.ts";
import { type FaultLog, translateErrors } from "./errors.ts";
import { serveHealth } from "./health.ts";
import type { Keyring } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { serveReflection } from "./reflection.ts";
import { validate } from "./validation.ts";

/** What handles the public services. */
export interface Services {
  readonly runs: ServiceImpl<typeof RunService>;
  readonly workflows: ServiceImpl<typeof WorkflowService>;
  readonly applications: ServiceImpl<typeof ApplicationService>;
  readonly artifacts: ServiceImpl<typeof ArtifactService>;
  readonly machines: ServiceImpl<typeof MachineService>;
  readonly halts: ServiceImpl<typeof HaltService>;
  readonly keys: ServiceImpl<typeof KeyService>;
  readonly queue: ServiceImpl<typeof QueueService>;
  readonly retention: ServiceImpl<typeof RetentionService>;
  readonly releases: ServiceImpl<typeof ReleaseService>;
}

export interface RouterOptions {
  readonly services: Services;
  readonly keyring: Keyring;
  readonly log: FaultLog;
  readonly isServing: () => boolean;
  /** Fires when the server stops: every stream ends. */
  readonly stopping: AbortSignal;
}

export const publicServices: readonly DescService[] = [
  RunService,
  WorkflowService,
  ApplicationService,
  ArtifactService,
  MachineService,
  HaltService,
  KeyService,
  ReleaseService,
  QueueService,
  RetentionService,
];
const openServices: readonly DescService[] = [Health, ServerReflection, ServerReflectionAlpha];
export const allServices: readonly DescService[] = [...publicServices, ...openServices];

export function routeServices(options: RouterOptions): ConnectRouter["handlers"] {
  const { services } = options;
  const big = { readMaxBytes: apiLimits.definitionReadBytesMax };
  const routes = (router: ConnectRouter) => {
    router.service(RunService, services.runs);
    router.service(WorkflowService, services.workflows, big);
    router.service(ApplicationService, services.applications, big);
    router.service(ArtifactService, services.artifacts);
    router.service(MachineService, services.machines);
    router.service(HaltService, services.halts);
    router.service(KeyService, services.keys);
    router.service(QueueService, services.queue);
    router.service(RetentionService, services.retention);
    router.service(ReleaseService, services.releases);
    serveHealth(router, publicServices, options.isServing);
    serveReflection(router, allServices);
  };
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: apiLimits.readBytesMax,
    // A misspelt field is refused, not dropped: `idempotencyKey` spelt wrong would start a run twice.
    jsonOptions: { ignoreUnknownFields: false },
    requestGate: createGate(options.keyring, options.log),
    interceptors: [translateErrors(options.log), endStreams, validate()],
    shutdownSignal: options.stopping,
  });
  routes(router);
  return router.handlers;
}
