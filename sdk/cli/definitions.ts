// drover workflows and applications: what is stored.

import type { Command } from "commander";
import { type Application, ApplicationSchema } from "../gen/drover/v1/application_pb.ts";
import { type Workflow, WorkflowSchema } from "../gen/drover/v1/workflow_pb.ts";
import { all } from "../pages.ts";
import { act, addCommand } from "./desk.ts";
import { whenText } from "./spans.ts";

const workflowColumns = [
  { title: "WORKFLOW", value: (workflow: Workflow) => workflow.name, elastic: true },
  { title: "VERSION", value: (workflow: Workflow) => String(workflow.version) },
  { title: "APPLICATION", value: (workflow: Workflow) => workflow.application, elastic: true },
  { title: "PUT", value: (workflow: Workflow) => whenText(workflow.createdAt) },
];

const applicationColumns = [
  { title: "APPLICATION", value: (application: Application) => application.name, elastic: true },
  { title: "VERSION", value: (application: Application) => String(application.version) },
  { title: "PUT", value: (application: Application) => whenText(application.createdAt) },
];

export function addWorkflows(program: Command): Command {
  return addCommand(program, "workflows", "list the latest version of each workflow", ["drover workflows"]).action(
    act(async (desk) => {
      const rows = await all(desk.client.workflows());
      desk.list(WorkflowSchema, rows, workflowColumns, "No workflows. Put one: drover put <file>");
    }),
  );
}

export function addApplications(program: Command): Command {
  const summary = "list the latest version of each application";
  return addCommand(program, "applications", summary, ["drover applications"]).action(
    act(async (desk) => {
      const rows = await all(desk.client.applications());
      desk.list(ApplicationSchema, rows, applicationColumns, "No applications. Put one: drover put <file>");
    }),
  );
}
