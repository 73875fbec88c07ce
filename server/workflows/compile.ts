// The door for who puts a workflow or an application: source in, program or problems out.

export { compileApplication } from "./application.ts";
export { type Compiled, compileWorkflow, type WorkflowContext } from "./workflow.ts";
