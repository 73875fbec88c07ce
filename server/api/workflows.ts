// WorkflowService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { WorkflowSchema, WorkflowService } from "@drover/proto/gen/drover/v1/workflow_pb.ts";
import type { Json } from "../rules/names.ts";
import { principalOf } from "./auth.ts";
import type { DefinitionDoor, DefinitionPut } from "./door.ts";
import { accepted, refused } from "./errors.ts";
import { page } from "./pages.ts";
import { struct, timestamp } from "./run-messages.ts";

export const createWorkflows = (door: DefinitionDoor): ServiceImpl<typeof WorkflowService> => ({
  async putWorkflow({ source, files, checkOnly }, context) {
    const put = accepted(await door.put(principalOf(context).tenant, { source, files, checkOnly }));
    return { workflow: workflowMessage(put) };
  },

  async getWorkflow({ name, version }, context) {
    const found = await door.read(principalOf(context).tenant, name, version);
    if (found === undefined) {
      return refused(
        "WORKFLOW_NOT_FOUND",
        `There is no workflow ${name}${version === 0 ? "" : ` version ${version}`}.`,
      );
    }
    return { workflow: { ...workflowMessage(found), source: found.source } };
  },

  async listWorkflows(request, context) {
    const { tenant } = principalOf(context);
    const { rows, nextPageToken } = await page("workflows", request, "name", (after, limit) =>
      door.list(tenant, after, limit),
    );
    return { workflows: rows.map(workflowMessage), nextPageToken };
  },
});

function workflowMessage({
  name,
  version,
  createdAt,
  program,
}: DefinitionPut): MessageInitShape<typeof WorkflowSchema> {
  // What `server/workflows` compiled; of a part that is missing nothing is told.
  const { application, inputs, outputs } = (struct(program) ?? {}) as { [part: string]: Json | undefined };
  return {
    name,
    version,
    application: typeof application === "string" ? application : "",
    inputsSchema: struct(inputs),
    outputsSchema: struct(outputs),
    createdAt: timestamp(createdAt),
  };
}
