// Compiles the source of a workflow, or says everything that is wrong with it. What a workflow promises is checked here,
// when it is put, so that no run finds out (G3, G4).

import type { Json } from "../rules/names.ts";
import { value } from "./compiling.ts";
import { checkContract, isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { collectIds } from "./ids.ts";
import { limits } from "./limits.ts";
import type { Path, Problem, Report } from "./problem.ts";
import { type ApplicationProgram, type Callee, everyCalledStep, type FileRef, type Program } from "./program.ts";
import { checkPromises } from "./promises.ts";
import { labelTests, versionOf } from "./requires.ts";
import { runRetry } from "./run-retry.ts";
import { Scope } from "./scope.ts";
import { checkShape } from "./shape.ts";
import { placed, readSource } from "./source.ts";
import { brokenAt, compileSteps, type StepsContext } from "./steps.ts";

export interface WorkflowContext {
  readonly files: ReadonlyMap<string, FileRef>;
  /** The latest version of a workflow that may be called. */
  workflow(name: string): Program | undefined;
  application(name: string): boolean | ApplicationProgram;
}

export type Compiled<Made> =
  | { readonly ok: true; readonly program: Made }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function compileWorkflow(text: string, context: WorkflowContext): Compiled<Program> {
  const { source, problems } = readSource(text);
  if (source === undefined) return { ok: false, problems };
  const report: Report = (path, message, remedy, on = "value") => {
    if (problems.length < limits.problemsMax) problems.push(placed(source, path, message, remedy, on));
  };
  const root = source.value;
  const brokenPaths = checkShape("workflow", root, report);
  if (!isObject(root) || brokenPaths === undefined) return { ok: false, problems: inOrder(problems) };
  const broken = brokenAt(brokenPaths);

  const workflow = String(root["workflow"] ?? "");
  const application = String(root["application"] ?? "");
  if (!broken(["application"]) && application !== "" && context.application(application) === false) {
    report(["application"], `There is no application \`${application}\`.`, "Put it first.");
  }
  const inputs = root["inputs"] ?? { type: "object", properties: {}, additionalProperties: false };
  const outputs = root["outputs"] ?? {};
  if (!broken(["inputs"])) {
    checkContract(inputs, ["inputs"], report);
    if (isObject(inputs) && inputs["type"] !== "object") {
      report(["inputs"], "Inputs are a mapping.", "Write `type: object` in the schema.");
    }
  }
  if (!broken(["outputs"])) checkContract(outputs, ["outputs"], report);

  const calls: Record<string, Callee> = {};
  const used = { files: new Set<string>(), capabilities: new Set<string>() };
  const called: Program[] = [];
  const callee: StepsContext["callee"] = (name, path) => {
    const found = name === workflow ? undefined : context.workflow(name);
    if (found === undefined) {
      const itself = name === workflow;
      const message = itself ? "A workflow cannot call itself." : `There is no workflow \`${name.slice(0, 128)}\`.`;
      report(path, message, itself ? "Use `foreach`." : "Put it first.");
      return undefined;
    }
    if (found.application !== application) {
      const message = `\`${name}\` drives ${found.application}, and a run drives one application.`;
      report(path, message, `Call a workflow of ${application}.`);
    }
    if (!called.includes(found)) called.push(found);
    const { inputs: wanted, outputs: given, steps: done, result: made, calls: further } = found;
    calls[name] = { inputs: wanted, outputs: given, steps: done, result: made, calls: further };
    return found.inputs;
  };
  const stepsContext: StepsContext = {
    compiling: { report, written: source.written, files: context.files, used },
    broken,
    callee,
    count: { steps: 0 },
  };

  const ids = collectIds(root, report);
  const scope = new Scope(inputs, ids);
  const steps = compileSteps(stepsContext, root["steps"] ?? [], ["steps"], "steps", scope);
  const result = value({ ...stepsContext.compiling, names: scope }, root["result"] ?? {}, ["result"]);
  const verify = isObject(root["verify"]) ? root["verify"] : undefined;
  const verifyScope = new Scope(inputs, ids);
  const verifySteps = compileSteps(stepsContext, verify?.["steps"] ?? [], ["verify", "steps"], "verify", verifyScope);
  const verifyResult =
    verify?.["result"] === undefined
      ? undefined
      : value({ ...stepsContext.compiling, names: verifyScope }, verify["result"], ["verify", "result"]);
  const cleanupRoot = root["cleanup"] ?? [];
  const cleanupList = isObject(cleanupRoot) ? (cleanupRoot["steps"] ?? []) : cleanupRoot;
  const cleanupPath = isObject(cleanupRoot) ? ["cleanup", "steps"] : ["cleanup"];
  const cleanup = compileSteps(stepsContext, cleanupList, cleanupPath, "cleanup", new Scope(inputs, ids));

  for (const program of called) {
    for (const digest of program.files) used.files.add(digest);
    for (const capability of program.capabilities) used.capabilities.add(capability);
  }
  const timeoutMs = duration(root["timeout"], ["timeout"], limits.runTimeoutMs, limits.runTimeoutMaxMs, report);
  const readonly = root["readonly"] === true;
  checkPromises(
    { steps, calls, readonly, timeoutMs, verify: verify !== undefined, sound: brokenPaths.length === 0 },
    report,
  );
  const total = stepsContext.count.steps + [...everyCalledStep(calls)].length;
  if (total > limits.stepsMax) report(["steps"], `There are more than ${limits.stepsMax} steps.`, "Use `foreach`.");
  if (callDepth(calls) > limits.nestingMax) {
    report(["steps"], `Calls are nested more than ${limits.nestingMax} deep.`, "Call fewer workflows from workflows.");
  }

  const requires = isObject(root["requires"]) ? root["requires"] : {};
  const made: Program = {
    format: 1,
    workflow,
    application,
    inputs,
    outputs,
    timeoutMs,
    queueMs: duration(root["queue"], ["queue"], limits.queueMs, limits.queueMaxMs, report),
    priority: Number(root["priority"] ?? 0),
    retry: runRetry(report, root["retry"], timeoutMs),
    readonly,
    requires: {
      ...(typeof requires["pool"] === "string" ? { pool: requires["pool"] } : {}),
      ...versionOf(requires["version"], source.written, report),
      labels: labelTests(requires["labels"], source.written),
    },
    steps,
    ...(verify === undefined
      ? {}
      : {
          verify: {
            on: verify["on"] === "same-machine" ? "same-machine" : "any",
            steps: verifySteps,
            withinMs: duration(
              verify["within"],
              ["verify", "within"],
              limits.verifyWithinMs,
              limits.queueMaxMs,
              report,
            ),
            ...(verifyResult === undefined ? {} : { result: verifyResult }),
          },
        }),
    cleanup,
    result,
    calls,
    files: [...used.files].sort(),
    capabilities: [...used.capabilities].sort(),
  };
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) };
  const json = JSON.stringify(made);
  if (Buffer.byteLength(json) > limits.programBytesMax) {
    report([], "The workflow is too large with all that it calls.", "Call fewer or smaller workflows.");
    return { ok: false, problems };
  }
  // Through JSON: what is used is what will be stored, and no getter or undefined is left in it.
  return { ok: true, program: JSON.parse(json) as Program };
}

/** By place, so that one reads them down the source. */
export const inOrder = (problems: readonly Problem[]): Problem[] =>
  [...problems].sort((a, b) => a.line - b.line || a.column - b.column);

function duration(given: Json | undefined, path: Path, otherwise: number, max: number, report: Report): number {
  if (typeof given !== "string") return otherwise;
  const ms = durationMs(given);
  if (ms !== undefined && ms >= 1 && ms <= max) return ms;
  report(path, `This is not between 1ms and ${max / 3_600_000}h.`, "Write a duration such as 2m or 8h.");
  return otherwise;
}

const callDepth = (calls: Callee["calls"]): number =>
  Math.max(0, ...Object.values(calls).map((callee) => 1 + callDepth(callee.calls)));
