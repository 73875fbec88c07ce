// Why an attempt did not succeed: the closed list, in the words of the API. The agent's own categories are a part of it.

/** What an agent can say of a command. */
export const agentFailures = [
  "FOCUS_LOST",
  "GUARD_FAILED",
  "NOT_DONE",
  "TARGET_NOT_FOUND",
  "TARGET_AMBIGUOUS",
  "TIMEOUT",
  "ASSERTION_FAILED",
  "CANCELLED",
  "EXEC_FAILED",
  "EXEC_REFUSED",
  "NO_SURFACE",
  "LEASE_LOST",
  "UNSUPPORTED",
  "PROTOCOL",
  "AGENT_ERROR",
  /** The application does not answer its window system. */
  "FROZEN",
  /** No process of the application is left. */
  "APP_CRASHED",
] as const;

/** What the control plane adds. */
export const controlFailures = [
  /** The machine was silent until takeover. */
  "MACHINE_LOST",
  /** A newer incarnation of the agent attached: the attempt died with the older one. */
  "AGENT_RESTARTED",
  /** The machine did not become ready within the repairs allowed. The proof says why. */
  "NOT_READY",
  /** An expression could not be evaluated, or was over its budget. */
  "EXPRESSION_ERROR",
  /** The result does not fit the workflow's own output schema. */
  "OUTPUT_INVALID",
  /** The machine was drained, and its deadline had come. */
  "DRAINED",
  /** An operator took the machine away. */
  "FORCE_RELEASED",
] as const;

export type FailureCategory = (typeof agentFailures)[number] | (typeof controlFailures)[number];

/** A failure as the caller sees it. `message` holds nothing read from a screen and no input (G11). */
export interface Failure {
  readonly category: FailureCategory;
  readonly message: string;
  /** The step, if it happened in one. */
  readonly step?: string;
}
