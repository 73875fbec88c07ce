// Programs by version, kept in memory: versions never change. Makes the rules' Interpreter for one run.

import type { CommandSpec, Condition } from "../rules/command.ts";
import type { Interpreter } from "../rules/interpreter.ts";
import { limits } from "../rules/limits.ts";
import type { ApplicationVersionId, Json, WorkflowVersionId } from "../rules/names.ts";
import type { Query } from "../store/database.ts";
import { applicationById, workflowById } from "../store/definitions.ts";
import { begin, next, record, retryStep, verifiedOutputs } from "../workflows/interpreter.ts";
import type { ApplicationProgram, Program } from "../workflows/program.ts";

export interface Interpreters {
  of(query: Query, workflow: WorkflowVersionId, application: ApplicationVersionId, inputs: Json): Promise<Interpreter>;
  program(query: Query, workflow: WorkflowVersionId): Promise<Program>;
  application(query: Query, application: ApplicationVersionId): Promise<ApplicationProgram>;
}

/** Programs held in memory; the oldest goes. Bounds memory, not what can run. */
const programsMax = 500;

export function createInterpreters(): Interpreters {
  const programs = remembered<WorkflowVersionId, Program>(async (query, id) => {
    const row = await workflowById(query, id);
    return row?.program as Program | undefined;
  });
  const applications = remembered<ApplicationVersionId, ApplicationProgram>(async (query, id) => {
    const row = await applicationById(query, id);
    return row?.program as ApplicationProgram | undefined;
  });
  return {
    program: programs,
    application: applications,
    async of(query, workflow, application, inputs) {
      return interpreterOf(await programs(query, workflow), await applications(query, application), inputs);
    },
  };
}

function remembered<Id extends string, Value>(read: (query: Query, id: Id) => Promise<Value | undefined>) {
  const known = new Map<Id, Value>();
  return async (query: Query, id: Id): Promise<Value> => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const value = await read(query, id);
    if (value === undefined) throw new Error(`version ${id} is not in the store`);
    if (known.size >= programsMax) known.delete(known.keys().next().value as Id);
    known.set(id, value);
    return value;
  };
}

function interpreterOf(program: Program, application: ApplicationProgram, inputs: Json): Interpreter {
  const { launch } = application;
  return {
    prove: proof(application.ready, application),
    ...(launch === undefined
      ? {}
      : { launch: check("launch", launch.timeoutMs, { is: "launch", command: launch.command }) }),
    endApplication: check("end-application", limits.endApplicationMs, { is: "end-application" }),
    hasCleanup: program.cleanup.length > 0,
    ...(program.verify === undefined
      ? {}
      : { verify: { on: program.verify.on, withinMs: program.verify.withinMs ?? limits.verifyWithinMs } }),
    begin: (section) => begin(program, inputs, section),
    next: (progress) => next(program, progress),
    record: (progress, output) => record(program, progress, output),
    retryStep: (progress, failed) => retryStep(program, progress, failed),
    verifiedOutputs: (steps, verify) => verifiedOutputs(program, steps, verify),
  };
}

const proof = (ready: readonly Condition[], application: ApplicationProgram): CommandSpec =>
  check("prove", limits.proveTimeoutMs, { is: "prove", ready, blocking: application.blocking });

const check = (step: string, timeoutMs: number, action: CommandSpec["action"]): CommandSpec => ({
  step,
  effect: "none",
  timeoutMs,
  guard: [],
  done: [],
  action,
});
