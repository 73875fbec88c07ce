// Compiles the definition of an application: how to start it, how to tell that it is ready (G2), what blocks it, and how
// to get it home. It has no inputs, so it holds no expressions: every command is complete.

import { basename } from "node:path/posix";
import type { Action, CommandSpec, Condition, WindowPattern } from "../rules/command.ts";
import type { Json } from "../rules/names.ts";
import { actions } from "./actions.ts";
import type { Compiling } from "./compiling.ts";
import { isObject } from "./contract.ts";
import { durationMs, sizeBytes } from "./duration.ts";
import { limits } from "./limits.ts";
import type { Path, Report } from "./problem.ts";
import type { ApplicationProgram, FileRef, StepPlan } from "./program.ts";
import { checkShape } from "./shape.ts";
import { placed, readSource } from "./source.ts";
import { brokenAt, compileOne, compileSteps, type StepsContext } from "./steps.ts";
import { conditions, soleWindow } from "./targets.ts";
import { type Compiled, inOrder } from "./workflow.ts";

type Mapping = { readonly [key: string]: Json };
type List = readonly Json[];
const listOf = (value: Json | undefined): List => (Array.isArray(value) ? value : []);

export function compileApplication(
  text: string,
  { files }: { readonly files: ReadonlyMap<string, FileRef> },
): Compiled<ApplicationProgram> {
  const { source, problems } = readSource(text);
  if (source === undefined) return { ok: false, problems };
  const report: Report = (path, message, remedy, on = "value") => {
    if (problems.length < limits.problemsMax) problems.push(placed(source, path, message, remedy, on));
  };
  const root = source.value;
  const brokenPaths = checkShape("application", root, report);
  if (!isObject(root) || brokenPaths === undefined) return { ok: false, problems: inOrder(problems) };
  const broken = brokenAt(brokenPaths);

  const used = { files: new Set<string>(), capabilities: new Set<string>() };
  const c: Compiling = { report, written: source.written, files, names: undefined, used };
  const context: StepsContext = {
    compiling: c,
    broken,
    callee: (_name, path) => {
      report(path, "An application calls no workflow.", "Write the steps out.");
      return undefined;
    },
    count: { steps: 0 },
  };
  const probes = (key: string): Condition[] =>
    listOf(root[key]).flatMap((probe, index) =>
      broken([key, index]) ? [] : (conditions(c, probe, [key, index]) as unknown as Condition[]),
    );

  const launch = broken(["launch"]) ? undefined : launchOf(c, root["launch"]);
  const processes = listOf(root["processes"]).map(String);
  const [program] = launch?.command ?? [];
  if (processes.length === 0 && program !== undefined) processes.push(basename(program));
  if (processes.length === 0 && !broken(["launch"]) && !broken(["processes"])) {
    report([], "Nothing says which processes are the application's.", "Add `launch` or `processes`.");
  }
  const ready = probes("ready");
  const pictures = ready.filter((condition) => "image" in condition).length;
  if (pictures > limits.imagesPerCommandMax) {
    const remedy = "Prefer windows and texts.";
    report(["ready"], `A proof shows at most ${limits.imagesPerCommandMax} pictures.`, remedy);
  }
  const home = commandsOf(compileSteps(context, root["home"] ?? [], ["home"], "application", undefined));
  const dismiss = listOf(root["dismiss"]).flatMap((rule, index) =>
    isObject(rule) && !broken(["dismiss", index]) ? [dismissal(context, c, rule, ["dismiss", index])] : [],
  );
  const blocking = listOf(root["blocking"]).flatMap((window, index) =>
    broken(["blocking", index]) ? [] : [soleWindow(c, window, ["blocking", index]) as unknown as WindowPattern],
  );
  const made: ApplicationProgram = {
    format: 1,
    application: String(root["application"] ?? ""),
    ...(launch === undefined ? {} : { launch }),
    processes,
    ready,
    blocking,
    login: probes("login"),
    mfa: probes("mfa"),
    home,
    dismiss,
    recycle: recycleOf(root["recycle"], report),
    files: [...used.files].sort(),
  };
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) };
  return { ok: true, program: JSON.parse(JSON.stringify(made)) as ApplicationProgram };
}

function launchOf(c: Compiling, given: Json | undefined): ApplicationProgram["launch"] {
  if (given === undefined) return undefined;
  const timeout = isObject(given) ? given["timeout"] : undefined;
  const { action } = actions.launch(c, given, ["launch"]);
  const command = isObject(action) ? listOf(action["command"]).map(String) : [];
  return { command, timeoutMs: (typeof timeout === "string" && durationMs(timeout)) || limits.launchTimeoutMs };
}

function dismissal(
  context: StepsContext,
  c: Compiling,
  rule: Mapping,
  path: Path,
): ApplicationProgram["dismiss"][number] {
  const { when, steps, ...step } = rule;
  const seen = conditions(c, when ?? null, [...path, "when"]) as unknown as Condition[];
  if (steps === undefined) {
    const one = compileOne(context, step, path, "application", undefined);
    return { when: seen, commands: commandsOf(one === undefined ? [] : [one]) };
  }
  if (Object.keys(step).length > 0) c.report(path, "This has `steps` and an action.", "Keep one of them.");
  return {
    when: seen,
    commands: commandsOf(compileSteps(context, steps, [...path, "steps"], "application", undefined)),
  };
}

/** Steps without expressions are commands already; the current window goes along as in a workflow (`actions.ts`). */
function commandsOf(steps: readonly StepPlan[]): CommandSpec[] {
  let current: WindowPattern | undefined;
  return steps.flatMap(({ name, does }) => {
    if (does.is !== "action") return [];
    const keyboard = ["type", "press", "paste"].includes(does.kind);
    const focus = (does.focus as WindowPattern | undefined) ?? current;
    if (does.names !== undefined) current = does.names as WindowPattern;
    const command: CommandSpec = {
      step: name,
      effect: does.effect,
      timeoutMs: does.timeoutMs,
      ...(keyboard && focus !== undefined ? { focus } : {}),
      guard: does.guard as unknown as Condition[],
      done: does.done as unknown as Condition[],
      action: does.action as unknown as Action,
    };
    return [command];
  });
}

function recycleOf(given: Json | undefined, report: Report): ApplicationProgram["recycle"] {
  if (!isObject(given)) return {};
  const { runs, age, memory } = given;
  const ageMs = typeof age === "string" ? durationMs(age) : undefined;
  const memoryBytes = typeof memory === "string" ? sizeBytes(memory) : undefined;
  if (ageMs === 0) report(["recycle", "age"], "This is no time at all.", "Write `8h`.");
  return {
    ...(typeof runs === "number" ? { runs } : {}),
    ...(ageMs === undefined ? {} : { ageMs }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}
