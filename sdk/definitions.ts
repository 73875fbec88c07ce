// Workflows and applications for those who put them: a YAML source with the pictures that it names.

import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { type Application, ApplicationService } from "./gen/drover/v1/application_pb.ts";
import { type Workflow, WorkflowService } from "./gen/drover/v1/workflow_pb.ts";
import { pages } from "./pages.ts";

/** Pictures by the name that the source uses for them: PNG, at most 256 KiB each. */
export type Pictures = Record<string, Uint8Array>;

/** How to put a definition. */
export interface PutOptions {
  /** Only check; store nothing. */
  checkOnly?: boolean | undefined;
}

/** The part of the client that deals in definitions. */
export function definitionsOver(transport: Transport) {
  const workflowService = createClient(WorkflowService, transport);
  const applicationService = createClient(ApplicationService, transport);

  return {
    /** Checks a workflow and stores it as a new version. May be repeated. Throws InvalidRequest with every problem. */
    async putWorkflow(source: string, files: Pictures = {}, { checkOnly = false }: PutOptions = {}): Promise<Workflow> {
      const { workflow } = await answer(workflowService.putWorkflow({ source, files, checkOnly }));
      return present(workflow, "workflow");
    },
    /** One workflow with its source, the latest version or the one named. */
    async workflow(name: string, version = 0): Promise<Workflow> {
      const { workflow } = await answer(workflowService.getWorkflow({ name, version }));
      return present(workflow, "workflow");
    },
    /** The latest version of each workflow, by name. */
    workflows(): AsyncGenerator<Workflow, void, undefined> {
      return pages(async (page) => {
        const { workflows: rows, nextPageToken } = await answer(workflowService.listWorkflows(page));
        return { rows, nextPageToken };
      });
    },
    /** Checks an application and stores it as a new version. May be repeated. */
    async putApplication(
      source: string,
      files: Pictures = {},
      { checkOnly = false }: PutOptions = {},
    ): Promise<Application> {
      const { application } = await answer(applicationService.putApplication({ source, files, checkOnly }));
      return present(application, "application");
    },
    /** One application with its source, the latest version or the one named. */
    async application(name: string, version = 0): Promise<Application> {
      const { application } = await answer(applicationService.getApplication({ name, version }));
      return present(application, "application");
    },
    /** The latest version of each application, by name. */
    applications(): AsyncGenerator<Application, void, undefined> {
      return pages(async (page) => {
        const { applications: rows, nextPageToken } = await answer(applicationService.listApplications(page));
        return { rows, nextPageToken };
      });
    },
  };
}
