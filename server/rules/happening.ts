// What can happen to a run, and what a happening makes of it.

import type { Attempt, Ending } from "./attempt.ts";
import type { CommandOutput, InputAmount } from "./command.ts";
import type { EventBody } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Interpreter } from "./interpreter.ts";
import type { LeaseFate } from "./lease.ts";
import type { HoldReason, MachineMark } from "./machine.ts";
import type { Json } from "./names.ts";
import type { BudgetChange } from "./retry.ts";
import type { Resolution, Run } from "./run.ts";
import type { ReadinessProof } from "./verdict.ts";

/** How a command ended, as the agent says. */
export interface CommandResult {
  readonly number: number;
  readonly input: InputAmount;
  readonly durationMs: number;
  readonly failure?: Failure;
  readonly output: CommandOutput;
  readonly proof?: ReadinessProof;
}

export type RunHappening =
  | { readonly is: "result"; readonly result: CommandResult }
  | { readonly is: "cancel-requested" }
  /** The run's deadline passed: the queue's while it waits, its own while it runs. */
  | { readonly is: "deadline-passed" }
  /** The outstanding command's deadline passed while its machine is attached. */
  | { readonly is: "command-overdue" }
  /** The machine is silent, and may yet come back. */
  | { readonly is: "machine-silent" }
  | { readonly is: "machine-back" }
  /** The agent says that it holds, or an operator has halted it. */
  | { readonly is: "held"; readonly why: HoldReason }
  /** ... and that it does no longer. */
  | { readonly is: "let-go" }
  /** The machine's drain deadline passed. */
  | { readonly is: "drain-overdue" }
  /** An operator takes the machine away. */
  | { readonly is: "force-released" }
  /** A person has settled a run that had ended UNKNOWN. */
  | { readonly is: "resolved"; readonly resolution: Resolution; readonly outputs?: Json }
  /** An operator puts the waiting run before all others of its pool: `front` is higher than any before. */
  | { readonly is: "moved-to-front"; readonly front: number }
  /** Takeover, or proof that the attempt's incarnation is dead: it injects no more. */
  | { readonly is: "holder-gone"; readonly why: "MACHINE_LOST" | "AGENT_RESTARTED" };

export interface RunChange {
  readonly run: Run;
  readonly attempt?: Attempt;
  readonly events: readonly EventBody[];
  readonly lease: LeaseFate;
  /** What is now known of the machine. */
  readonly marks: readonly MachineMark[];
  /** What becomes of the workflow's budget of retries. */
  readonly budget: BudgetChange;
  /** How the attempt has ended, if this is its end. */
  readonly ended?: Ending["is"];
}

/** The live attempt with the name of its machine, for events. */
export interface LiveAttempt {
  readonly attempt: Attempt;
  readonly machine: string;
  readonly interpreter: Interpreter;
  /** What is left of the workflow's budget of retries. */
  readonly budgetLeft: number;
}
