// What the rules need to know of a workflow and its application: which command comes next. `server/workflows` is the one
// implementation; it is pure too, and handed in, because rules import nothing.

import type { CommandOutput, CommandSpec, InputAmount } from "./command.ts";
import type { Failure, FailureCategory } from "./failure.ts";
import type { Json } from "./names.ts";

export type NextStep =
  | { readonly is: "command"; readonly command: CommandSpec; readonly progress: Json }
  | { readonly is: "finished"; readonly progress: Json; readonly outputs: Json }
  | { readonly is: "failed"; readonly failure: Failure };

export interface Interpreter {
  /** The proof that the application asks for. */
  readonly prove: CommandSpec;
  /** How to start the application; absent when it cannot be started. */
  readonly launch?: CommandSpec;
  /** Whether the workflow has cleanup steps. */
  readonly hasCleanup: boolean;
  begin(section: "steps" | "cleanup"): Json;
  next(progress: Json): NextStep;
  /** After the outstanding step succeeded. */
  record(progress: Json, output: CommandOutput): Json;
  /** Whether the outstanding step, which failed, is tried again: only with input none or a harmless effect. */
  retryStep(
    progress: Json,
    failed: { readonly category: FailureCategory; readonly input: InputAmount },
  ): { readonly again: true; readonly progress: Json; readonly delayMs: number } | { readonly again: false };
}
