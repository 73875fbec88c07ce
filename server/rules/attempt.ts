// An attempt: one try of a run on one machine, command by command. What changes it is `advance.ts`.

import type { CommandSpec } from "./command.ts";
import type { CommitLabel } from "./commit.ts";
import type { Failure } from "./failure.ts";
import type { HoldReason } from "./machine.ts";
import type { AttemptId, Instant, Json, MachineId } from "./names.ts";
import type { ReadinessProof } from "./verdict.ts";

/**
 * What an attempt is for: `attempt` to do the workflow; `verify` to find out whether a commit step of an earlier one took
 * hold; `upkeep` to clean up a machine that an earlier one has left as it was.
 */
export const attemptPurposes = ["attempt", "verify", "upkeep"] as const;
export type AttemptPurpose = (typeof attemptPurposes)[number];

/**
 * What the newest command is for:
 * `proving` a readiness proof; `repairing` a launch, or an end, of the application; `settling` a pause before the next proof; `stepping` a step;
 * `waiting` a pause before a step is tried again; `cleaning` a cleanup step; `ended` nothing more.
 */
export const attemptPhases = ["proving", "repairing", "settling", "stepping", "waiting", "cleaning", "ended"] as const;
export type AttemptPhase = (typeof attemptPhases)[number];

/** Why an attempt ends. `reached`: where its steps stood, once cleanup has taken their place. */
export type Ending =
  | { readonly is: "succeeded"; readonly outputs: Json }
  | { readonly is: "failed"; readonly failure: Failure; readonly reached?: Json }
  | { readonly is: "cancelled"; readonly reached?: Json }
  | { readonly is: "expired"; readonly reached?: Json }
  /** Of a verify attempt: its steps have found out. `outputs`: the run's, if they can be told. */
  | { readonly is: "verified"; readonly held: boolean; readonly outputs?: Json };

/** Somebody holds the attempt: no time passes for its command. */
export interface Held {
  readonly why: HoldReason;
  readonly since: Instant;
}

/** The newest command while no result of it is known. */
export interface Outstanding {
  readonly spec: CommandSpec;
  /** The agent's word is overdue then. */
  readonly deadlineAt: Instant;
}

export interface Attempt {
  readonly id: AttemptId;
  readonly number: number;
  readonly purpose: AttemptPurpose;
  readonly machineId: MachineId;
  readonly phase: AttemptPhase;
  readonly commandNumber: number;
  readonly outstanding?: Outstanding;
  readonly progress: Json;
  readonly commitLabel: CommitLabel;
  /** Commit steps sent so far. */
  readonly commitsBegun: number;
  readonly held?: Held;
  readonly repairs: number;
  readonly readyBy?: Instant;
  readonly ending?: Ending;
  readonly stepsDone: number;
  readonly proof?: ReadinessProof;
  readonly failure?: Failure;
}
