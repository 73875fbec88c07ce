// ArtifactService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { ArtifactKind, type ArtifactSchema, type ArtifactService } from "@drover/proto/gen/drover/v1/artifact_pb.ts";
import type { ArtifactId } from "../rules/names.ts";
import type { ArtifactView } from "../store/artifact-reads.ts";
import { type Audit, viewedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { ArtifactDoor, RunDoor } from "./door.ts";
import { refused } from "./errors.ts";
import { timestamp } from "./run-messages.ts";
import { runId, runNotFound } from "./runs.ts";

export const createArtifacts = (
  door: ArtifactDoor,
  runs: RunDoor,
  audit: Audit,
): ServiceImpl<typeof ArtifactService> => ({
  async listArtifacts(request, context) {
    const { tenant } = principalOf(context);
    const id = runId(request.runId);
    const artifacts = await door.list(tenant, id);
    // None may mean no such run.
    if (artifacts.length === 0 && (await runs.readRunView(tenant, id)) === undefined) runNotFound(id);
    return { artifacts: artifacts.map(artifactMessage) };
  },

  async getArtifact(request, context) {
    const principal = principalOf(context);
    const id = request.artifactId.toLowerCase() as ArtifactId;
    const artifact = await door.read(principal.tenant, id);
    const content = artifact === undefined ? undefined : await door.content(artifact);
    if (artifact === undefined || content === undefined) {
      return refused("ARTIFACT_NOT_FOUND", `There is no artifact ${id}, or it is kept no longer.`);
    }
    audit(viewedBy(principal, { viewed: "artifact", artifactId: id, runId: artifact.runId }));
    return { artifact: artifactMessage(artifact), content: new Uint8Array(content) };
  },
});

const kinds = {
  frame: ArtifactKind.FRAME,
  proof: ArtifactKind.PROOF,
  screenshot: ArtifactKind.SCREENSHOT,
} as const satisfies Record<ArtifactView["kind"], ArtifactKind>;

const artifactMessage = (artifact: ArtifactView): MessageInitShape<typeof ArtifactSchema> => ({
  id: artifact.id,
  runId: artifact.runId,
  attempt: artifact.attempt,
  commandNumber: artifact.commandNumber,
  step: artifact.step ?? "",
  kind: kinds[artifact.kind],
  contentType: artifact.contentType,
  sizeBytes: BigInt(artifact.sizeBytes),
  createdAt: timestamp(artifact.createdAt),
});
