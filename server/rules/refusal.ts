// The domain says no: the closed list of reasons, the same as `Reason` of proto/drover/v1/error.proto without its prefix
// (a test holds them together). A refusal is a value, returned; a bug throws.

export const reasons = [
  "WORKFLOW_NOT_FOUND",
  "APPLICATION_NOT_FOUND",
  "RUN_NOT_FOUND",
  "MACHINE_NOT_FOUND",
  "ARTIFACT_NOT_FOUND",
  "KEY_NOT_FOUND",
  "ENROLMENT_TOKEN_NOT_FOUND",
  "DEFINITION_INVALID",
  "INPUTS_INVALID",
  "IDEMPOTENCY_KEY_REUSED",
  "RUN_ENDED",
  "UNAUTHENTICATED",
  "SCOPE_INSUFFICIENT",
  "PAGE_TOKEN_INVALID",
  "SCREENSHOT_NOT_FOUND",
  "EVENT_NOT_FOUND",
  "STORE_UNAVAILABLE",
  "LAST_ADMIN_KEY",
  "RELEASE_NOT_FOUND",
  "RELEASE_EXISTS",
  "RELEASE_CORRUPT",
  "ROLLOUT_NOT_FOUND",
  "ROLLOUT_RUNNING",
  "RUN_NOT_UNKNOWN",
  "OUTPUTS_INVALID",
  "POOL_NOT_FOUND",
  "RUN_NOT_WAITING",
  "CURSOR_INVALID",
  "RUN_NOT_ENDED",
  "RUN_IN_USE",
  "IDEMPOTENCY_KEY_TOO_OLD",
] as const;

export type Reason = (typeof reasons)[number];

/** One thing wrong with a definition or with inputs: where, what, and what to do. Carries no values. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

export interface Refusal {
  readonly reason: Reason;
  /** For people: what, where, what to do. Holds no inputs and no secret. */
  readonly message: string;
  readonly problems?: readonly FieldProblem[];
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export const accept = <T>(value: T): Answer<T> => ({ ok: true, value });

export const refuse = (reason: Reason, message: string, problems?: readonly FieldProblem[]): Answer<never> => ({
  ok: false,
  refusal: problems === undefined ? { reason, message } : { reason, message, problems },
});
