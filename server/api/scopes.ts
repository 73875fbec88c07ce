// What each RPC needs of a key, in one table. The compiler fails when an RPC of these services has no entry, and a test
// when a service has none; an RPC that is not in the table is refused to everybody.

import type { DescMethod, DescService } from "@bufbuild/protobuf";
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
import type { Scope } from "../store/schema/tenancy.ts";

/** `open` needs no key. */
export type Need = Scope | "open";

type NeedsOf<S extends DescService> = { readonly [method in keyof S["method"]]: Need };

const needs = new Map<DescMethod, Need>();

function service<S extends DescService>(desc: S, table: NeedsOf<S>) {
  for (const method of desc.methods) {
    const need = (table as Record<string, Need>)[method.localName];
    if (need !== undefined) needs.set(method, need);
  }
}

service(RunService, {
  startRun: "caller",
  startRuns: "caller",
  getRun: "caller",
  listRuns: "caller",
  cancelRun: "caller",
  resolveRun: "operator",
  watchRun: "caller",
  explainRun: "caller",
  moveRunToFront: "operator",
  watchRuns: "caller",
  purgeRun: "admin",
});
service(QueueService, {
  pause: "operator",
  unpause: "operator",
  listPauses: "operator",
  setLimit: "operator",
  removeLimit: "operator",
  listLimits: "operator",
});
service(RetentionService, { getRetention: "operator", setRetention: "admin" });
service(WorkflowService, { putWorkflow: "operator", getWorkflow: "caller", listWorkflows: "caller" });
service(ApplicationService, { putApplication: "operator", getApplication: "caller", listApplications: "caller" });
service(ArtifactService, { listArtifacts: "caller", getArtifact: "caller" });
service(MachineService, {
  listMachines: "operator",
  getMachine: "operator",
  getScreenshot: "operator",
  revokeMachine: "admin",
  cordonMachine: "operator",
  uncordonMachine: "operator",
  drainMachine: "operator",
  releaseMachine: "operator",
  createEnrolmentToken: "admin",
  listEnrolmentTokens: "admin",
  revokeEnrolmentToken: "admin",
});
service(HaltService, { halt: "operator", resume: "operator", listHalts: "operator" });
service(KeyService, { createKey: "admin", listKeys: "admin", revokeKey: "admin" });
service(ReleaseService, {
  addRelease: "admin",
  uploadRelease: "admin",
  listReleases: "admin",
  startRollout: "admin",
  getRollout: "admin",
  stopRollout: "admin",
  resumeRollout: "admin",
});
service(Health, { check: "open", watch: "open", list: "open" });
service(ServerReflection, { serverReflectionInfo: "open" });
service(ServerReflectionAlpha, { serverReflectionInfo: "open" });

export const needOf = (method: DescMethod): Need | undefined => needs.get(method);

const ranks = { caller: 1, operator: 2, admin: 3 } as const satisfies Record<Scope, number>;

/** Each scope includes the ones before it. */
export const allows = (scope: Scope, need: Scope): boolean => ranks[scope] >= ranks[need];
