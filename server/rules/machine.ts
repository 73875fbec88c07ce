// A machine and the agent attached to it: who is let in, and when its work is handed on (G1).

import type { LeaseClocks } from "./limits.ts";
import type { Instant } from "./names.ts";
import type { Verdict } from "./verdict.ts";

/**
 * `idle` attached, without a lease; `busy` attached, leased; `reattaching` silent, its work not yet handed on;
 * `offline` silent for so long that it was.
 */
export const machineStatuses = ["idle", "busy", "reattaching", "offline"] as const;
export type MachineStatus = (typeof machineStatuses)[number];

/** What an agent last saw of its desktop (G13). The same words as the channel's `DesktopState`. */
export const desktopStates = ["PRESENT", "ABSENT", "STUCK"] as const;
export type DesktopState = (typeof desktopStates)[number];

/** Why an agent holds, besides its lease clock (G14). */
export const holdReasons = ["HALTED", "HUMAN_PRESENT"] as const;
export type HoldReason = (typeof holdReasons)[number];

/** What an agent's beat says of its machine. That it is halted is not the agent's to say. */
export interface Observed {
  /** A person is at the mouse or the keyboard. */
  readonly hold: Extract<HoldReason, "HUMAN_PRESENT"> | null;
  /** Null: it has not looked yet. */
  readonly desktop: DesktopState | null;
}

/** What an attempt has found out about its machine, or has made of it. */
export type MachineMark =
  /** Its proof was READY. */
  | { readonly is: "ready" }
  /** It was not: nothing is placed on it for a while, so that it does not eat the queue. */
  | { readonly is: "not-ready"; readonly verdict: Verdict }
  /** It is to be cleaned up before it is given anything else. */
  | { readonly is: "unclean" }
  /** It has been cleaned up. */
  | { readonly is: "clean" }
  /** An attempt there has done what it was for. */
  | { readonly is: "succeeded" }
  /** An attempt there has failed, by something that the machine may be to blame for. */
  | { readonly is: "failed" };

/** What a machine is and has, as its agent says; and which agent that is. */
export interface Inventory extends TakenInventory {
  readonly agentVersion: string;
}

export interface TakenInventory {
  readonly platform: string;
  readonly os: string;
  readonly screen: { readonly width: number; readonly height: number };
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: { readonly [name: string]: string };
  readonly capabilities: readonly string[];
  /** What the agent can be replaced by; empty: by nothing. */
  readonly executable: string;
  /** How its health screenshots are taken; empty: not known. */
  readonly capture: string;
  /** Dots per inch; 0: not known. */
  readonly dpi: number;
  /** What kind of session its desktop is; empty: not known. */
  readonly session: string;
}

/** One start of an agent, and which of its dials this is. */
export interface Incarnation {
  readonly bootId: string;
  readonly startId: string;
  readonly dialNumber: number;
  /** The OS lock is held: no earlier incarnation of this boot is alive. */
  readonly holdsLock: boolean;
}

/** What is known of the machine when an agent asks to be let in. */
export interface Attachment {
  /** Its key is good no more. */
  readonly revoked: boolean;
  readonly incarnation: { readonly bootId: string; readonly startId: string; readonly dialNumber: number } | undefined;
  /** The stream before this one is open at a living replica and its beats arrive. */
  readonly beating: boolean;
  /** A lease on the machine is live. */
  readonly leased: boolean;
  /** ... and its deadline has passed: it ends at takeover, whatever its holder says (G6). */
  readonly leaseOverdue: boolean;
}

/** Whoever has the machine's lease, when an agent is let in: nobody; it came back; it is proven dead. */
export type Holder = "none" | "back" | "gone";

export type Admission =
  | { readonly is: "admitted"; readonly holder: Holder }
  | { readonly is: "revoked" }
  /** Another living incarnation holds the key (a cloned machine). */
  | { readonly is: "cloned" }
  /** An older incarnation may still be injecting: not before takeover. */
  | { readonly is: "held" };

/** Whether an agent that says `hello` is let in. */
export function admit(machine: Attachment, hello: Incarnation): Admission {
  if (machine.revoked) return { is: "revoked" };
  const known = machine.incarnation;
  const same = known !== undefined && known.bootId === hello.bootId && known.startId === hello.startId;
  if (same) {
    if (hello.dialNumber <= known.dialNumber) return { is: "cloned" };
    if (machine.leaseOverdue) return { is: "held" };
    return { is: "admitted", holder: machine.leased ? "back" : "none" };
  }
  // Who beats is alive, whatever the newcomer says. (A killed agent's socket closes with it: it beats no more.)
  if (machine.beating) return { is: "cloned" };
  // The kernel gave this incarnation the machine's lock, so the one before it is dead.
  const provenDead = known !== undefined && known.bootId === hello.bootId && hello.holdsLock;
  if (!machine.leased) return { is: "admitted", holder: "none" };
  return provenDead ? { is: "admitted", holder: "gone" } : { is: "held" };
}

/**
 * When the work of a machine that was last heard `silentMs` ago is handed on, never earlier than a full takeover time
 * after the service came up again.
 */
export function takeoverAt(now: Instant, silentMs: number, resumedAt: Instant, clocks: LeaseClocks): Instant {
  return Math.max(now - silentMs, resumedAt) + clocks.takeoverMs;
}
