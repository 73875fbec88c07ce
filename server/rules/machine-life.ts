// How a machine comes and goes (G1): the one function that changes its status, and says what becomes of its lease and of the
// attempt under it. Pure. Who is let in is `admit` in machine.ts; how a lease ends is lease.ts.
//
// 1. A machine is busy exactly while it is attached and has a lease that has not ended.
// 2. Nothing is handed on before takeover, unless the holder is proven dead.
// 3. An agent that comes back to a live lease has it under a higher epoch; one that is being fenced stays fenced, and its lease
//    keeps the lower epoch: that is how the end of the lease is told from its holder's return.

import { advanceLease, isOverdue, type Lease } from "./lease.ts";
import type { Holder } from "./machine.ts";
import type { Instant } from "./names.ts";

/** The statuses of `MachineStatus`, with what each owns. */
export type MachineState =
  | { readonly is: "idle" }
  | { readonly is: "busy" }
  | { readonly is: "reattaching"; readonly takeoverAt: Instant }
  | { readonly is: "offline" };

/** A machine with its lease, unless that has ended. */
export interface LeasedMachine {
  readonly state: MachineState;
  readonly lease: Lease | undefined;
}

export type MachineHappening =
  /** An agent was let in. */
  | { readonly is: "attached"; readonly holder: Holder }
  /** Its stream has ended, or brings nothing, or was held by a replica that is dead. */
  | { readonly is: "silent"; readonly takeoverAt: Instant }
  /** Its lease may have outlived its deadline. If so it is heard no more, so that its own clock stops it. */
  | { readonly is: "lease-overdue"; readonly takeoverAt: Instant }
  /** Its time to come back may be over; `notBefore`: a takeover's time after the service came up again. */
  | { readonly is: "takeover-due"; readonly notBefore: Instant }
  | { readonly is: "lease-granted" }
  | { readonly is: "lease-ended" };

/** What is told to the attempt under a live lease. */
export type AttemptNews =
  | { readonly is: "machine-silent" }
  | { readonly is: "machine-back" }
  | { readonly is: "holder-gone"; readonly why: "MACHINE_LOST" | "AGENT_RESTARTED" };

export interface MachineChange {
  readonly state: MachineState;
  /**
   * `renew`: its holder has it from now on under the machine's next epoch; `fence`: that is the epoch under which its holder is
   * told once more that it has nothing to do.
   */
  readonly lease: "keep" | "renew" | "fence" | "end";
  readonly attempt?: AttemptNews;
}

/** What is true after `happening`, or undefined when it changes nothing. */
export function advanceMachine(
  machine: LeasedMachine,
  happening: MachineHappening,
  now: Instant,
): MachineChange | undefined {
  const { state, lease } = machine;
  const attached = state.is === "idle" || state.is === "busy";
  switch (happening.is) {
    case "attached":
      return onAttached(machine, happening.holder);
    case "silent":
      return attached ? declareSilent(lease, happening.takeoverAt) : undefined;
    case "lease-overdue":
      if (!attached || lease === undefined || !isOverdue(lease, now)) return undefined;
      if (advanceLease(lease, { is: "overdue" }, now) === "ended") return { state: { is: "idle" }, lease: "end" };
      return declareSilent(lease, happening.takeoverAt);
    case "takeover-due":
      if (state.is !== "reattaching" || now < Math.max(state.takeoverAt, happening.notBefore)) return undefined;
      return withoutHolder({ is: "offline" }, lease, "MACHINE_LOST");
    case "lease-granted":
      if (state.is !== "idle") throw new Error(`a lease was granted on a machine that is ${state.is}`);
      return { state: { is: "busy" }, lease: "keep" };
    case "lease-ended":
      return state.is === "busy" ? { state: { is: "idle" }, lease: "keep" } : undefined;
  }
}

function onAttached({ state, lease }: LeasedMachine, holder: Holder): MachineChange {
  if (lease === undefined) return { state: { is: "idle" }, lease: "keep" };
  if (holder === "gone") return withoutHolder({ is: "idle" }, lease, "AGENT_RESTARTED");
  if (lease.state === "fencing") return { state: { is: "busy" }, lease: "fence" };
  const news = lease.injects && state.is === "reattaching" ? { attempt: { is: "machine-back" } as const } : {};
  return { state: { is: "busy" }, lease: "renew", ...news };
}

function declareSilent(lease: Lease | undefined, takeoverAt: Instant): MachineChange {
  const news = hasAttempt(lease) ? { attempt: { is: "machine-silent" } as const } : {};
  return { state: { is: "reattaching", takeoverAt }, lease: "keep", ...news };
}

function withoutHolder(
  state: MachineState,
  lease: Lease | undefined,
  why: "MACHINE_LOST" | "AGENT_RESTARTED",
): MachineChange {
  const news = hasAttempt(lease) ? { attempt: { is: "holder-gone", why } as const } : {};
  return { state, lease: lease === undefined ? "keep" : "end", ...news };
}

const hasAttempt = (lease: Lease | undefined): boolean => lease?.state === "live" && lease.injects;
