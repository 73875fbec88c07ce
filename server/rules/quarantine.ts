// A machine on which one attempt after the other fails is passed over for a while: it is always idle, and would eat the queue.
// It then gets one run as a probe. Pure. The idea and its brake are those of outlier detection in load balancers (Envoy).

import type { FailureCategory } from "./failure.ts";
import { limits } from "./limits.ts";
import type { Instant } from "./names.ts";

/** How a machine's attempts went of late. */
export interface Reliability {
  readonly failuresInARow: number;
  /** 0 to 1: newer attempts count more. */
  readonly failureRate: number;
  /** How often in a row it was quarantined without a success in between. */
  readonly quarantines: number;
  readonly quarantinedUntil?: Instant;
}

export const reliable: Reliability = { failuresInARow: 0, failureRate: 0, quarantines: 0 };

/** Failures that say nothing of the machine: an operator's doing, the workflow's own, or what has a back-off of its own. */
const blameless: readonly FailureCategory[] = [
  "CANCELLED",
  "DRAINED",
  "FORCE_RELEASED",
  "EXPRESSION_ERROR",
  "OUTPUT_INVALID",
  "NOT_READY",
];

export const blamesMachine = (category: FailureCategory): boolean => !blameless.includes(category);

/** How much of the rate the newest attempt makes. */
const weight = 0.2;

export const afterSuccess = (before: Reliability): Reliability => ({
  ...reliable,
  failureRate: before.failureRate * (1 - weight),
});

/** An operator has seen to it: it is given runs as if it had not failed. What its attempts were like is still known. */
export const trustedAgain = (before: Reliability): Reliability => ({ ...reliable, failureRate: before.failureRate });

/**
 * `mayQuarantine`: not too many of its pool are already (`quarantinesMax`). A probe that fails quarantines it again at once, for
 * twice as long.
 */
export function afterFailure(before: Reliability, mayQuarantine: boolean, now: Instant): Reliability {
  const failuresInARow = before.failuresInARow + 1;
  const failureRate = before.failureRate * (1 - weight) + weight;
  // A probe that failed is over, also where it may not be quarantined again: it is a machine like others, and no longer probed.
  const { quarantinedUntil: _, ...rest } = before;
  const next = { ...rest, failuresInARow, failureRate };
  if (failuresInARow < limits.quarantineAfter || !mayQuarantine) return next;
  const forMs = Math.min(limits.quarantineMs * 2 ** Math.min(before.quarantines, 20), limits.quarantineMaxMs);
  return { ...next, quarantines: before.quarantines + 1, quarantinedUntil: now + forMs };
}

/**
 * How many of a pool's attached machines may be quarantined at a time: a quarter of them, and one of two or three. What fails on
 * more of them is not the machines' fault, and must not take the pool away from other work.
 */
export const quarantinesMax = (machines: number): number => (machines < 2 ? 0 : Math.max(1, Math.floor(machines / 4)));
