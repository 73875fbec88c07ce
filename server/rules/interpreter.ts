// What the rules need to know of a workflow and its application: which command comes next. `server/workflows` is the one
// implementation; it is pure too, and handed in, because rules import nothing.

import type { CommandOutput, CommandSpec, InputAmount } from "./command.ts";
import type { Failure, FailureCategory } from "./failure.ts";
import type { Json } from "./names.ts";

export interface VerifyPlan {
  readonly on: "any" | "same-machine";
  /** How long it is tried. */
  readonly withinMs: number;
}

export type NextStep =
  | { readonly is: "command"; readonly command: CommandSpec; readonly progress: Json }
  | { readonly is: "finished"; readonly progress: Json; readonly outputs: Json }
  | { readonly is: "failed"; readonly failure: Failure };

export interface Interpreter {
  /** The proof that the application asks for. */
  readonly prove: CommandSpec;
  /** How to start the application; absent when it cannot be started. */
  readonly launch?: CommandSpec;
  /** How to end the application. */
  readonly endApplication: CommandSpec;
  /** Whether the workflow has cleanup steps. */
  readonly hasCleanup: boolean;
  /** How to find out whether its commits took hold; absent when it does not say. */
  readonly verify?: VerifyPlan;
  begin(section: "steps" | "verify" | "cleanup"): Json;
  next(progress: Json): NextStep;
  /** After the outstanding step succeeded. */
  record(progress: Json, output: CommandOutput): Json;
  /** Whether the outstanding step, which failed, is tried again: only with input none or a harmless effect. */
  retryStep(
    progress: Json,
    failed: { readonly category: FailureCategory; readonly input: InputAmount },
  ): { readonly again: true; readonly progress: Json; readonly delayMs: number } | { readonly again: false };
  /** The run's outputs after its commits were found to have taken hold; undefined when they cannot be told any more. */
  verifiedOutputs(steps: Json, verify: Json): Json | undefined;
}
