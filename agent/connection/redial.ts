// What to do after a dial has ended: when to dial again, and where. Pure.

/** How one dial ended. */
export type DialEnd =
  /** The server asked the agent to go elsewhere. */
  | { readonly was: "go-away"; readonly addresses: readonly string[]; readonly attachedMs: number }
  /** The call was ended with a gRPC status, by its name, before or after the welcome. */
  | { readonly was: "status"; readonly code: string; readonly detail: string; readonly attachedMs: number }
  /** No acknowledgement for two beat intervals, or no welcome in time. */
  | { readonly was: "half-dead"; readonly attachedMs: number }
  /** The agent itself closed it. */
  | { readonly was: "closed"; readonly attachedMs: number };

export interface RedialLimits {
  readonly firstMs: number;
  readonly longestMs: number;
  /** An attachment this long starts the back-off over. */
  readonly resetAfterMs: number;
  /** Between dials with a key or a version that only a person can mend. */
  readonly hopelessMs: number;
}

export const REDIAL_LIMITS: RedialLimits = {
  firstMs: 250,
  longestMs: 10_000,
  resetAfterMs: 10_000,
  hopelessMs: 60_000,
};

export interface Redial {
  /** How many dials in a row have failed, for the next decision. */
  readonly failures: number;
  readonly delayMs: number;
  /** Addresses to dial before the configured one, best first. */
  readonly addresses: readonly string[];
}

/** Exponential back-off with full jitter; `random` is in [0, 1). */
export function redial(end: DialEnd, failures: number, random: number, limits: RedialLimits = REDIAL_LIMITS): Redial {
  if (end.was === "go-away") return { failures: 0, delayMs: 0, addresses: end.addresses };
  const hopeless = end.was === "status" && (end.code === "UNAUTHENTICATED" || end.code === "FAILED_PRECONDITION");
  if (hopeless) return { failures: failures + 1, delayMs: limits.hopelessMs, addresses: [] };
  const before = end.attachedMs >= limits.resetAfterMs ? 0 : failures;
  const ceilingMs = Math.min(limits.longestMs, limits.firstMs * 2 ** Math.min(before, 30));
  return { failures: before + 1, delayMs: Math.floor(random * ceilingMs), addresses: [] };
}
