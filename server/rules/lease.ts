// A lease: the right to drive one machine for one purpose (G1), and how it ends. That depends on whether its holder can still
// be injecting.
//
// 1. A lease outlives its attempt only while it is fenced: until its agent says that it does nothing, or is known to be dead.
// 2. A lease under which nothing is injected has no attempt and no holder to wait for: it ends at once.

import type { Instant } from "./names.ts";

export const leasePurposes = ["attempt", "upkeep", "verify", "session", "service"] as const;
export type LeasePurpose = (typeof leasePurposes)[number];

/** `live` its attempt goes on; `fencing` its attempt has ended, and its holder may yet be injecting; `ended` nobody has it. */
export const leaseStates = ["live", "fencing", "ended"] as const;
export type LeaseState = (typeof leaseStates)[number];

/**
 * What becomes of the lease after a change of its attempt:
 * - `keep`: it goes on;
 * - `end`: nothing is outstanding, or the holder is known to have stopped: the machine is free at once;
 * - `fence`: a command is outstanding and its holder may be injecting. The machine's epoch grows, and the lease ends when
 *   the agent acknowledges the higher epoch, or at takeover.
 */
export type LeaseFate = "keep" | "end" | "fence";

/** A lease that has not ended. */
export interface Lease {
  readonly state: Exclude<LeaseState, "ended">;
  /** It has an attempt, whose commands its holder carries out. */
  readonly injects: boolean;
  readonly epoch: number;
  /** No lease is for ever (G6). */
  readonly deadlineAt: Instant;
}

export type LeaseHappening =
  | { readonly is: "attempt-changed"; readonly fate: LeaseFate }
  /** Its agent has acknowledged, under this epoch, that it is to do nothing. */
  | { readonly is: "acknowledged"; readonly epoch: number }
  /** Its agent will not do what it is for. */
  | { readonly is: "declined" }
  /** Its deadline may have passed. */
  | { readonly is: "overdue" }
  /** Its holder is dead, or has been silent until takeover. */
  | { readonly is: "holder-gone" };

/** What the lease is after `happening`. */
export function advanceLease(lease: Lease, happening: LeaseHappening, now: Instant): LeaseState {
  const { state, injects } = lease;
  switch (happening.is) {
    case "attempt-changed":
      return state === "live" && injects ? fates[happening.fate] : state;
    case "acknowledged":
      // Under its own epoch or a lower one that is older news than the order to stop.
      return state === "fencing" && lease.epoch < happening.epoch ? "ended" : state;
    case "declined":
      return injects ? state : "ended";
    case "overdue":
      // Whoever injects is waited for: the machine is declared silent, and taken over.
      return !injects && isOverdue(lease, now) ? "ended" : state;
    case "holder-gone":
      return "ended";
  }
}

const fates = { keep: "live", end: "ended", fence: "fencing" } as const satisfies Record<LeaseFate, LeaseState>;

export const isOverdue = (lease: Lease, now: Instant): boolean => lease.deadlineAt <= now;
