// What a source is compiled to: plain JSON that is stored with the version and never changes. A called workflow is
// embedded, so that a program means the same for ever. Strings that hold expressions are leaves `{ $: … }` (see `leaf.ts`);
// everything else is already what the machine gets.

import type { Action, CommandSpec, Condition, Effect, WindowPattern } from "../rules/command.ts";
import type { FailureCategory } from "../rules/failure.ts";
import type { LabelTest } from "../rules/matching.ts";
import type { Json } from "../rules/names.ts";
import type { RetryPace } from "../rules/retry.ts";

/** JSON in which a string may be a leaf that is filled in when its step's turn comes. */
export type Template = Json;

export interface StepRetry {
  /** How often in all: 1 is no retry. */
  readonly attempts: number;
  /** Empty: any category that a retry can help. */
  readonly on: readonly FailureCategory[];
  readonly delayMs: number;
}

export interface ActionPlan {
  readonly is: "action";
  /** The kind of action, for who does not want to walk the template. */
  readonly kind: Action["is"];
  readonly effect: Effect;
  readonly timeoutMs: number;
  /** Filled, this is an `Action`. */
  readonly action: Template;
  /** Filled, this is a `WindowPattern`: the step's own `in`. */
  readonly focus?: Template;
  /** Filled, the window that becomes the current one once the step has succeeded. */
  readonly names?: Template;
  /** Filled, lists of `Condition`. */
  readonly guard: readonly Template[];
  readonly done: readonly Template[];
  /** How long after the action `done` may take to hold, when it says `for`. */
  readonly doneTimeoutMs?: number;
  readonly retry: StepRetry;
}

export type StepBody =
  | ActionPlan
  | { readonly is: "foreach"; readonly items: Template; readonly as: string; readonly steps: readonly StepPlan[] }
  | { readonly is: "call"; readonly workflow: string; readonly with: Template };

export interface StepPlan {
  /** Its id, or its place such as `steps[3]`. */
  readonly name: string;
  readonly id?: string;
  /** False skips the step. */
  readonly when?: Template;
  /** Whether an expression speaks of what this step found: only then is it kept (G11). */
  readonly kept: boolean;
  readonly does: StepBody;
}

/** A workflow that is called by another: what the interpreter needs of it. */
export interface Callee {
  readonly inputs: Json;
  readonly outputs: Json;
  readonly steps: readonly StepPlan[];
  readonly result: Template;
  /** The workflows that it calls, as they were when it was put. */
  readonly calls: { readonly [workflow: string]: Callee };
}

export interface Program extends Callee {
  readonly format: 1;
  readonly workflow: string;
  readonly application: string;
  readonly timeoutMs: number;
  /** How long a run may wait for a machine. */
  readonly queueMs: number;
  readonly priority: number;
  readonly retry: {
    readonly attempts: number;
    readonly on: readonly FailureCategory[];
    /** Absent in what was put before this could be said. */
    readonly pace?: RetryPace;
  };
  readonly readonly: boolean;
  readonly requires: { readonly pool?: string; readonly version?: string; readonly labels: readonly LabelTest[] };
  readonly verify?: {
    readonly on: "any" | "same-machine";
    readonly steps: readonly StepPlan[];
    /** How long it is tried; absent in what was put before this could be said. */
    readonly withinMs?: number;
    /** The outputs, when it took hold; absent: `result`, if it can still be told. */
    readonly result?: Template;
  };
  readonly cleanup: readonly StepPlan[];
  /** Digests of the pictures that it shows to machines, those of called workflows included. */
  readonly files: readonly string[];
  /** Optional abilities of an agent that it needs: `ocr`, `clipboard`, `exec`. */
  readonly capabilities: readonly string[];
}

export interface ApplicationProgram {
  readonly format: 1;
  readonly application: string;
  readonly launch?: { readonly command: readonly string[]; readonly timeoutMs: number };
  /** Executables whose windows are this application's; input goes to no other window (G3). */
  readonly processes: readonly string[];
  readonly ready: readonly Condition[];
  readonly blocking: readonly WindowPattern[];
  /** What a sign-in, and a question for a second factor, look like. Kept for the verdicts LOGIN_REQUIRED and MFA_PROMPT. */
  readonly login: readonly Condition[];
  readonly mfa: readonly Condition[];
  /** Commands that lead back to the first screen. */
  readonly home: readonly CommandSpec[];
  /** What to do about dialogs in the way. */
  readonly dismiss: readonly { readonly when: readonly Condition[]; readonly commands: readonly CommandSpec[] }[];
  readonly recycle: { readonly runs?: number; readonly ageMs?: number; readonly memoryBytes?: number };
  readonly files: readonly string[];
}

/** A PNG that belongs to the version. */
export interface FileRef {
  readonly digest: string;
  readonly width: number;
  readonly height: number;
}

/** Every step of a list, those of loops included; those of called workflows are in `Program.calls`. */
export function* everyStep(steps: readonly StepPlan[]): Generator<StepPlan> {
  for (const step of steps) {
    yield step;
    if (step.does.is === "foreach") yield* everyStep(step.does.steps);
  }
}

/** The steps of a callee and of all that it calls. */
export function* everyCalledStep(calls: Callee["calls"]): Generator<StepPlan> {
  for (const callee of Object.values(calls)) {
    yield* everyStep(callee.steps);
    yield* everyCalledStep(callee.calls);
  }
}
