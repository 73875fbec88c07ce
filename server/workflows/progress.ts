// Where an attempt is in its program: plain JSON, stored between commands. It holds no part of the program; places are
// indexes into it. What steps found is kept only where an expression asks for it.

import type { CommandOutput, InputAmount, WindowPattern } from "../rules/command.ts";
import type { FailureCategory } from "../rules/failure.ts";
import type { Json } from "../rules/names.ts";
import { isObject } from "./contract.ts";
import { limits } from "./limits.ts";
import type { Callee, Program, StepPlan } from "./program.ts";

export type Section = "steps" | "cleanup" | "verify";

/** Found by the steps of one list, by id. */
export type Found = { readonly [id: string]: Json };

/** One list of steps that is being gone through. */
export interface Frame {
  /** The index of the step whose turn it is. */
  readonly at: number;
  readonly found: Found;
  /** In a loop: which turn. */
  readonly turn?: number;
  /** In a called workflow: what it was called with. */
  readonly inputs?: Json;
  /** In a called workflow, and at the bottom: the current window of keyboard steps (G3). */
  readonly window?: WindowPattern;
}

export interface Progress {
  readonly section: Section;
  readonly inputs: Json;
  /** From the section's own list to the innermost. */
  readonly frames: readonly Frame[];
  /** Commands made so far. */
  readonly commands: number;
  /** Steps looked at so far, skipped ones and turns of loops included. */
  readonly considered: number;
  /** Bytes kept of what steps found. */
  readonly keptBytes: number;
  /** Tries of the step whose turn it is, this one included. */
  readonly tries: number;
  /** Set while a command is out: `next` gives the same one again. Holds the window that its success makes current. */
  readonly outstanding?: { readonly window?: WindowPattern };
}

/** What of a step a `Progress` is at. */
export interface Position {
  readonly callee: Callee;
  readonly list: readonly StepPlan[];
  readonly frame: Frame;
  readonly step: StepPlan | undefined;
  /** Names of the calls around it: `login/` before a step's own name. */
  readonly prefix: string;
}

export function beginning(inputs: Json, section: Section): Progress {
  const frames = [{ at: 0, found: {} }];
  return { section, inputs, frames, commands: 0, considered: 0, keptBytes: 0, tries: 1 };
}

/** Follows the frames into the program; undefined when they do not belong to it. */
export function positionOf(program: Program, progress: Progress): Position | undefined {
  let callee: Callee = program;
  let list = sectionSteps(program, progress.section);
  let prefix = "";
  let position: Position | undefined;
  for (const [depth, frame] of progress.frames.entries()) {
    if (depth > 0) {
      const around: StepPlan | undefined = position?.step;
      if (around?.does.is === "foreach") list = around.does.steps;
      else if (around?.does.is === "call") {
        const called: Callee | undefined = Object.hasOwn(callee.calls, around.does.workflow)
          ? callee.calls[around.does.workflow]
          : undefined;
        if (called === undefined) return undefined;
        callee = called;
        list = called.steps;
        prefix += `${around.name}/`;
      } else return undefined;
    }
    position = { callee, list, frame, step: list[frame.at], prefix };
  }
  return position;
}

function sectionSteps(program: Program, section: Section): readonly StepPlan[] {
  if (section === "steps") return program.steps;
  return section === "verify" ? (program.verify?.steps ?? []) : program.cleanup;
}

export const withTop = (progress: Progress, change: Partial<Frame>): Progress => {
  const top = progress.frames.at(-1);
  if (top === undefined) return progress;
  return { ...progress, frames: [...progress.frames.slice(0, -1), { ...top, ...change }] };
};

/** The index of the frame that has the current window: the innermost call, or the bottom. */
export function windowFrame(frames: readonly Frame[]): number {
  const call = frames.findLastIndex(({ inputs }) => inputs !== undefined);
  return Math.max(0, call);
}

/** After the outstanding command succeeded: keeps what is asked for and goes on to the next step. */
export function recorded(program: Program, progress: Progress, output: CommandOutput): Progress {
  const { outstanding, ...rest } = progress;
  const position = positionOf(program, progress);
  if (outstanding === undefined || position?.step === undefined) return progress;
  const { frame, step } = position;
  let next: Progress = { ...rest, tries: 1 };
  if (outstanding.window !== undefined) {
    const holder = windowFrame(next.frames);
    const { window } = outstanding;
    next = { ...next, frames: next.frames.map((each, depth) => (depth === holder ? { ...each, window } : each)) };
  }
  if (!step.kept || step.id === undefined) return withTop(next, { at: frame.at + 1 });
  const found = foundOf(output);
  const keptBytes = next.keptBytes + Buffer.byteLength(JSON.stringify(found));
  return withTop({ ...next, keptBytes }, { at: frame.at + 1, found: { ...frame.found, [step.id]: found } });
}

const foundOf = ({ text, box, score, exitCode }: CommandOutput): { readonly [field: string]: Json } => ({
  ...(text === undefined ? {} : { text: text.toWellFormed().replaceAll("\0", "") }),
  ...(box === undefined ? {} : { box: { x: box.x, y: box.y, width: box.width, height: box.height } }),
  ...(score === undefined ? {} : { score }),
  ...(exitCode === undefined ? {} : { exit_code: exitCode }),
});

export interface StepFailure {
  readonly category: FailureCategory;
  /** How much input reached the desktop. */
  readonly input: InputAmount;
}

export type Retried =
  | { readonly again: true; readonly progress: Progress; readonly delayMs: number }
  | { readonly again: false };

/** Failures after which the same step on the same machine would fail again, or must not be tried. */
const hopeless: readonly string[] = [
  "CANCELLED",
  "LEASE_LOST",
  "MACHINE_LOST",
  "AGENT_RESTARTED",
  "NOT_READY",
  "PROTOCOL",
  "UNSUPPORTED",
  "EXEC_REFUSED",
  "EXPRESSION_ERROR",
  "OUTPUT_INVALID",
];

/**
 * Whether the step that failed may be tried again in place (G4): only if nothing of it reached the desktop, or doing it
 * twice does no harm; within its own attempts; for the failures that it names.
 */
export function retried(program: Program, progress: Progress, failure: StepFailure): Retried {
  const step = positionOf(program, progress)?.step;
  if (progress.outstanding === undefined || step?.does.is !== "action") return { again: false };
  const { retry, effect } = step.does;
  if (progress.tries >= retry.attempts || hopeless.includes(failure.category)) return { again: false };
  if (retry.on.length > 0 && !(retry.on as readonly string[]).includes(failure.category)) return { again: false };
  if (failure.input !== "none" && effect !== "idempotent") return { again: false };
  const { outstanding: _, ...rest } = progress;
  return { again: true, progress: { ...rest, tries: progress.tries + 1 }, delayMs: retry.delayMs };
}

/** What has been kept is too much to go on with. */
export const overfull = (progress: Progress): boolean => progress.keptBytes > limits.keptBytesMax;

/** What all the lists around have found, the inner ones last. A called workflow sees only its own. */
export function visibleFound(frames: readonly Frame[]): Found {
  const from = windowFrame(frames);
  return Object.assign({}, ...frames.slice(from).map(({ found }) => found));
}

/** The inputs that expressions see: the innermost call's. */
export const visibleInputs = (progress: Progress): Json => {
  const inputs = progress.frames.findLast((frame) => frame.inputs !== undefined)?.inputs ?? progress.inputs;
  return isObject(inputs) ? inputs : {};
};
