// How a run that did not succeed is told: one class per outcome, each with the failure and with how far its commit steps came.

import { DroverError } from "./errors.ts";
import type { FailureContext } from "./gen/drover/v1/outcome_pb.ts";
import type { CommitLabelName, OutcomeName } from "./names.ts";

/** Why something failed. Holds no input and nothing read from a screen. */
export interface RunFailure {
  /** From the closed list, for example `TARGET_NOT_FOUND`. */
  category: string;
  message: string;
  /** The step's id or place; undefined outside steps. */
  step: string | undefined;
  /** Whether and why it was tried again, in words. */
  retryDecision: string | undefined;
}

/** What is known of a run that did not succeed. */
export interface RunEnding {
  runId: string;
  commitLabel: CommitLabelName | undefined;
  failure: RunFailure | undefined;
  /** Asks the server. */
  context: () => Promise<FailureContext | undefined>;
}

/** A run that ended in anything but SUCCEEDED. */
export class RunNotSucceeded extends DroverError {
  override name = "RunNotSucceeded";
  readonly outcome: Exclude<OutcomeName, "SUCCEEDED">;
  readonly runId: string;
  /** `BEFORE_COMMIT` is safe to start again; `AFTER_COMMIT` is done; `UNKNOWN` asks for a look first. */
  readonly commitLabel: CommitLabelName | undefined;
  readonly failure: RunFailure | undefined;
  readonly #context: RunEnding["context"];
  constructor(outcome: Exclude<OutcomeName, "SUCCEEDED">, ending: RunEnding) {
    const step = ending.failure?.step === undefined ? "" : ` at step ${ending.failure.step}`;
    const why = ending.failure === undefined ? "" : `: ${ending.failure.category}${step}: ${ending.failure.message}`;
    super(`Run ${ending.runId} ended ${outcome} (${ending.commitLabel ?? "no commit label"})${why}`);
    this.outcome = outcome;
    this.runId = ending.runId;
    this.commitLabel = ending.commitLabel;
    this.failure = ending.failure;
    this.#context = ending.context;
  }

  /**
   * How it came to this: timeline, frames, proof, and in what the machine differs from the one of the last success. It is fetched when
   * it is asked for, and not before: it is people's data, and who looks is recorded. Undefined when the run was settled since.
   */
  context(): Promise<FailureContext | undefined> {
    return this.#context();
  }
}

/** It did not succeed; `commitLabel` says whether a commit step took hold. */
export class RunFailed extends RunNotSucceeded {
  override name = "RunFailed";
}
/** Nobody can say whether a commit step took hold. Look before you start it again. */
export class RunUnknown extends RunNotSucceeded {
  override name = "RunUnknown";
}
/** Somebody cancelled it. */
export class RunCancelled extends RunNotSucceeded {
  override name = "RunCancelled";
}
/** Its deadline passed before it was done. */
export class RunExpired extends RunNotSucceeded {
  override name = "RunExpired";
}

/** The error for an ending. An outcome that only a newer server knows is told as UNKNOWN: the one that promises nothing. */
export function endingError(outcome: OutcomeName | undefined, ending: RunEnding): RunNotSucceeded {
  if (outcome === "FAILED") return new RunFailed(outcome, ending);
  if (outcome === "CANCELLED") return new RunCancelled(outcome, ending);
  if (outcome === "EXPIRED") return new RunExpired(outcome, ending);
  return new RunUnknown("UNKNOWN", ending);
}
