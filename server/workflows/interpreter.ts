// What to do next in a program: pure, over the `Progress` that is stored between commands. `next` goes through skipped
// steps, loops and calls until there is a command to send, or the list is at its end. Asked again while a command is out
// it gives the same command.

import type { Action, CommandOutput, CommandSpec, Condition, WindowPattern } from "../rules/command.ts";
import type { Failure } from "../rules/failure.ts";
import type { NextStep } from "../rules/interpreter.ts";
import type { Json } from "../rules/names.ts";
import { violations } from "./contract.ts";
import type { Variables } from "./evaluation.ts";
import { fill } from "./leaf.ts";
import { limits } from "./limits.ts";
import type { Work } from "./meter.ts";
import type { ActionPlan, Program, StepPlan, Template } from "./program.ts";
import {
  beginning,
  type Frame,
  overfull,
  type Position,
  type Progress,
  positionOf,
  recorded,
  retried,
  type Section,
  type StepFailure,
  visibleFound,
  visibleInputs,
  windowFrame,
  withTop,
} from "./progress.ts";

/** A program's beginning, from which `next` gives the first command. */
export const begin = (_program: Program, inputs: Json, section: Section): Json => stored(beginning(inputs, section));

/** After the outstanding command succeeded: keeps what is asked for and goes on to the next step. */
export const record = (program: Program, progress: Json, output: CommandOutput): Json =>
  stored(recorded(program, progressOf(progress), output));

export type Retry =
  | { readonly again: true; readonly progress: Json; readonly delayMs: number }
  | { readonly again: false };

/** Whether the step that failed may be tried again in place: see `progress.ts`. */
export function retryStep(program: Program, progress: Json, failure: StepFailure): Retry {
  const answer = retried(program, progressOf(progress), failure);
  return answer.again ? { ...answer, progress: stored(answer.progress) } : answer;
}

/**
 * The outputs of a run whose commits were found to have taken hold: `verify.result`, or else `result`, with what the steps found
 * before they were cut off and what the verify steps found. Undefined when they cannot be told any more.
 */
export function verifiedOutputs(program: Program, steps: Json, verify: Json): Json | undefined {
  const before = steps === null ? undefined : progressOf(steps);
  const after = progressOf(verify);
  const found = {
    ...(before === undefined ? {} : visibleFound(before.frames.slice(0, 1))),
    ...visibleFound(after.frames),
  };
  const work: Work = { left: limits.workPerStepMax };
  const template = program.verify?.result ?? program.result;
  const result = fill(template, { inputs: visibleInputs(after), steps: found }, work);
  if (!result.ok || violations(program.outputs, result.value).length > 0) return undefined;
  return Buffer.byteLength(JSON.stringify(result.value)) > limits.keptBytesMax ? undefined : result.value;
}

/** Progress is opaque JSON to everyone else: what is handed in is what was handed out. */
const stored = (progress: Progress): Json => progress as unknown as Json;
const progressOf = (json: Json): Progress => json as unknown as Progress;

type Next =
  | { readonly is: "command"; readonly command: CommandSpec; readonly progress: Progress }
  | { readonly is: "finished"; readonly progress: Progress; readonly outputs: Json }
  | { readonly is: "failed"; readonly failure: Failure };

const failed = (category: Failure["category"], message: string, step?: string): Next => ({
  is: "failed",
  failure: { category, message, ...(step === undefined ? {} : { step }) },
});

/** The next command, the end with the outputs, or why it cannot go on. */
export function next(program: Program, progress: Json): NextStep {
  const answer = advance(program, progressOf(progress));
  return answer.is === "failed" ? answer : { ...answer, progress: stored(answer.progress) };
}

function advance(program: Program, from: Progress): Next {
  let progress = from;
  const work: Work = { left: limits.workPerStepMax };
  for (;;) {
    const position = positionOf(program, progress);
    if (position === undefined) return failed("EXPRESSION_ERROR", "The progress does not belong to this program.");
    const name = position.step && `${position.prefix}${position.step.name}`;
    if (overfull(progress)) return failed("EXPRESSION_ERROR", "The steps have read more than may be kept.", name);
    if (progress.considered > limits.stepsConsideredMax) {
      return failed("EXPRESSION_ERROR", `There are more than ${limits.stepsConsideredMax} steps to do.`, name);
    }
    const step = enter(program, progress, position, work);
    if (step.is === "went") progress = step.progress;
    else if (step.is === "failed" && step.failure.step === undefined && name !== undefined) {
      return { is: "failed", failure: { ...step.failure, step: name } };
    } else return step;
  }
}

type Went = { readonly is: "went"; readonly progress: Progress };

const went = (progress: Progress, considered = 1): Went => ({
  is: "went",
  progress: { ...progress, considered: progress.considered + considered },
});

/** Looks at one step, or at the end of a list. */
function enter(program: Program, progress: Progress, position: Position, work: Work): Next | Went {
  const { step, frame, callee } = position;
  if (step === undefined) return leave(program, progress, position, work);
  const variables = scopeOf(program, progress, work);
  if ("failure" in variables) return { is: "failed", failure: variables.failure };
  if (progress.outstanding === undefined && step.when !== undefined) {
    const when = fill(step.when, variables.names, work);
    if (!when.ok) return { is: "failed", failure: when.failure };
    if (typeof when.value !== "boolean") return failed("EXPRESSION_ERROR", "The step's `when` is not true or false.");
    if (!when.value) return went(withTop(progress, { at: frame.at + 1 }));
  }
  const { does } = step;
  if (does.is === "action") return commandOf(progress, position, step, does, variables.names, work);
  if (does.is === "foreach") {
    const items = itemsOf(does.items, variables.names, work);
    if ("failure" in items) return { is: "failed", failure: items.failure };
    if (items.list.length === 0) return went(withTop(progress, { at: frame.at + 1 }));
    return went({ ...progress, frames: [...progress.frames, { at: 0, found: {}, turn: 0 }] });
  }
  const called = callee.calls[does.workflow];
  const inputs = fill(does.with, variables.names, work);
  if (!inputs.ok) return { is: "failed", failure: inputs.failure };
  if (called === undefined) return failed("EXPRESSION_ERROR", "The workflow called is not in the program.");
  const [wrong] = violations(called.inputs, inputs.value);
  if (wrong !== undefined) {
    return failed("EXPRESSION_ERROR", `The input ${wrong.path || "mapping"} of ${does.workflow} ${wrong.message}.`);
  }
  return went({ ...progress, frames: [...progress.frames, { at: 0, found: {}, inputs: inputs.value }] });
}

/** The end of a list: the next turn of its loop, the result of its call, or the end of all. */
function leave(program: Program, progress: Progress, position: Position, work: Work): Next | Went {
  const { callee, frame } = position;
  const around = progress.frames.slice(0, -1);
  const outer: Progress = { ...progress, frames: around };
  const variables = scopeOf(program, progress, work);
  if (frame.turn !== undefined) {
    const loop = positionOf(program, outer);
    if (loop?.step?.does.is !== "foreach") return failed("EXPRESSION_ERROR", "The progress does not fit.");
    const outside = scopeOf(program, outer, work);
    if ("failure" in outside) return { is: "failed", failure: outside.failure };
    const items = itemsOf(loop.step.does.items, outside.names, work);
    if ("failure" in items) return { is: "failed", failure: items.failure };
    if (frame.turn + 1 < items.list.length) return went(withTop(progress, { at: 0, found: {}, turn: frame.turn + 1 }));
    return went(withTop(outer, { at: loop.frame.at + 1 }));
  }
  const isRoot = around.length === 0;
  if (isRoot && progress.section !== "steps") return { is: "finished", progress, outputs: null };
  if ("failure" in variables) return { is: "failed", failure: variables.failure };
  const result = fill(callee.result, variables.names, work);
  if (!result.ok) return { is: "failed", failure: result.failure };
  const [wrong] = violations(callee.outputs, result.value);
  if (wrong !== undefined) {
    return failed("OUTPUT_INVALID", `The output${wrong.path === "" ? "" : ` ${wrong.path}`} ${wrong.message}.`);
  }
  if (Buffer.byteLength(JSON.stringify(result.value)) > limits.keptBytesMax) {
    return failed("OUTPUT_INVALID", "The outputs are too large.");
  }
  if (isRoot) return { is: "finished", progress, outputs: result.value };
  const call = positionOf(program, outer);
  if (call?.step === undefined) return failed("EXPRESSION_ERROR", "The progress does not fit.");
  const { id, kept } = call.step;
  if (id === undefined || !kept) return went(withTop(outer, { at: call.frame.at + 1 }));
  const keptBytes = progress.keptBytes + Buffer.byteLength(JSON.stringify(result.value));
  const found = { ...call.frame.found, [id]: { outputs: result.value } };
  return went(withTop({ ...outer, keptBytes }, { at: call.frame.at + 1, found }));
}

function commandOf(
  progress: Progress,
  { prefix }: Position,
  step: StepPlan,
  does: ActionPlan,
  names: Variables,
  work: Work,
): Next {
  if (progress.outstanding === undefined && progress.commands >= limits.commandsPerAttemptMax) {
    return failed("EXPRESSION_ERROR", `There are more than ${limits.commandsPerAttemptMax} commands.`);
  }
  const filled = fill(
    { action: does.action, focus: does.focus ?? null, names: does.names ?? null, guard: does.guard, done: does.done },
    names,
    work,
  );
  if (!filled.ok) return { is: "failed", failure: filled.failure };
  // The compiler made these templates in the shapes of `rules/command.ts`; filling changes no shape.
  const made = filled.value as unknown as {
    action: Action;
    focus: WindowPattern | null;
    names: WindowPattern | null;
    guard: Condition[];
    done: Condition[];
  };
  if (made.action.is === "exec") {
    const bytes = made.action.arguments.reduce((sum, argument) => sum + Buffer.byteLength(argument), 0);
    if (bytes > limits.argumentsBytesMax) return failed("EXPRESSION_ERROR", "The arguments are too long.");
  }
  const keyboard = ["type", "press", "paste"].includes(made.action.is);
  const current = progress.frames[windowFrame(progress.frames)]?.window;
  const focus = keyboard ? (made.focus ?? current) : undefined;
  const command: CommandSpec = {
    step: `${prefix}${step.name}`,
    effect: does.effect,
    timeoutMs: does.timeoutMs,
    ...(focus === undefined ? {} : { focus }),
    guard: made.guard,
    done: made.done,
    ...(does.doneTimeoutMs === undefined ? {} : { doneTimeoutMs: does.doneTimeoutMs }),
    action: made.action,
  };
  if (progress.outstanding !== undefined) return { is: "command", command, progress };
  const counted = { ...progress, commands: progress.commands + 1, considered: progress.considered + 1 };
  const outstanding = made.names === null ? {} : { window: made.names };
  return { is: "command", command, progress: { ...counted, outstanding } };
}

type Scope = { readonly names: Variables } | { readonly failure: Failure };

/** `inputs`, `steps` and the items of the loops around. */
function scopeOf(program: Program, progress: Progress, work: Work): Scope {
  const names: Record<string, Json> = { inputs: visibleInputs(progress), steps: visibleFound(progress.frames) };
  const from = windowFrame(progress.frames);
  for (let depth = from + 1; depth < progress.frames.length; depth++) {
    const frame: Frame | undefined = progress.frames[depth];
    const outer: Progress = { ...progress, frames: progress.frames.slice(0, depth) };
    const loop = positionOf(program, outer)?.step;
    if (frame?.turn === undefined || loop?.does.is !== "foreach") continue;
    // The items are not stored: what they are made from cannot change while the loop goes on.
    const outside = { ...names, steps: visibleFound(outer.frames) };
    const items = itemsOf(loop.does.items, outside, work);
    if ("failure" in items) return items;
    names[loop.does.as] = items.list[frame.turn] ?? null;
  }
  return { names };
}

type Items = { readonly list: readonly Json[] } | { readonly failure: Failure };

function itemsOf(template: Template, names: Variables, work: Work): Items {
  const filled = fill(template, names, work);
  if (!filled.ok) return filled;
  const list = filled.value;
  const refuse = (message: string): Items => ({ failure: { category: "EXPRESSION_ERROR", message } });
  if (!Array.isArray(list)) return refuse("The items of the loop are not a list.");
  if (list.length > limits.itemsMax) return refuse(`The loop has more than ${limits.itemsMax} items.`);
  return { list: list as readonly Json[] };
}
