// An attempt: one try of a run on one machine, command by command. What changes it is `advance.ts`.

import type { CommandSpec } from "./command.ts";
import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { AttemptId, Instant, Json, MachineId } from "./names.ts";
import type { ReadinessProof } from "./verdict.ts";

/**
 * What the newest command is for:
 * `proving` a readiness proof; `repairing` a launch; `settling` a pause before the next proof; `stepping` a step;
 * `waiting` a pause before a step is tried again; `cleaning` a cleanup step; `ended` nothing more.
 */
export const attemptPhases = ["proving", "repairing", "settling", "stepping", "waiting", "cleaning", "ended"] as const;
export type AttemptPhase = (typeof attemptPhases)[number];

/** Why an attempt ends. */
export type Ending =
  | { readonly is: "succeeded"; readonly outputs: Json }
  | { readonly is: "failed"; readonly failure: Failure }
  | { readonly is: "cancelled" }
  | { readonly is: "expired" };

/** The newest command while no result of it is known. */
export interface Outstanding {
  readonly spec: CommandSpec;
  /** The agent's word is overdue then. */
  readonly deadlineAt: Instant;
}

export interface Attempt {
  readonly id: AttemptId;
  readonly number: number;
  readonly machineId: MachineId;
  readonly phase: AttemptPhase;
  readonly commandNumber: number;
  readonly outstanding?: Outstanding;
  readonly progress: Json;
  readonly commitLabel: CommitLabel;
  readonly repairs: number;
  readonly readyBy?: Instant;
  readonly ending?: Ending;
  readonly stepsDone: number;
  readonly proof?: ReadinessProof;
  readonly failure?: Failure;
}
