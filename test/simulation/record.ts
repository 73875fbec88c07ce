// What is known of a simulation when it is over: the world's own log, and what the control plane says that happened. The judge
// compares the two. Times are virtual milliseconds since the beginning.

import { createHash } from "node:crypto";

/** What an operator stops for a while, or bounds: `target` is its name. */
export interface Stop {
  readonly stop: "halt" | "cordon" | "pause" | "limit";
  readonly kind: "machine" | "workflow" | "application" | "pool" | "tenant";
  readonly target: string;
  /** Of a limit: how many may be under way. */
  readonly max?: number;
}

/** The version of the application that a machine has, and where it is. */
export interface Offer {
  readonly version: string;
  readonly site: string;
}

/** The world's log: what machines and callers saw, whoever was right. */
export type Entry = { readonly at: number } & (
  | {
      readonly is: "input";
      readonly machine: string;
      /** What the agent was told when it began the command that this input belongs to. */
      readonly attempt: string;
      readonly epoch: number;
      readonly command: number;
      /** The program whose window received it. */
      readonly receiver: string;
      readonly key: string;
      /** The attempt whose work that window showed just before; empty: nobody's. */
      readonly open: string;
      /** What the agent was told last says that it is halted. */
      readonly halted: boolean;
    }
  /** It took hold: the order is in the books. */
  | { readonly is: "commit"; readonly machine: string; readonly attempt: string; readonly order: string }
  /** An agent begins on a machine that offers this. */
  | ({ readonly is: "offered"; readonly machine: string } & Offer)
  /** Everything on this machine goes wrong for a while, though it looks ready. */
  | { readonly is: "poisoned"; readonly machine: string; readonly until: number }
  /** The agent was welcomed; its stream ended, or it did. */
  | { readonly is: "attached"; readonly machine: string }
  | { readonly is: "detached"; readonly machine: string }
  /** A replica serves from here on; it serves no more. */
  | { readonly is: "serving"; readonly replica: string }
  | { readonly is: "gone"; readonly replica: string }
  /** A caller asks for this, not to begin before `notBefore`. */
  | { readonly is: "asked"; readonly order: string; readonly caller: string; readonly notBefore: number }
  /** A caller was answered that this run is saved. */
  | { readonly is: "accepted"; readonly order: string; readonly run: string }
  | { readonly is: "cancelled"; readonly run: string }
  /** An operator was answered that this run goes before all others. */
  | { readonly is: "moved"; readonly run: string }
  /**
   * An operator was answered that it is stopped, and what it does within `drainMs`, if that is said; an operator asks for it to
   * go on.
   */
  | ({ readonly is: "stopped"; readonly drainMs?: number } & Stop)
  | ({ readonly is: "going on" } & Stop)
  /** A replica tells an agent that it is halted. */
  | { readonly is: "halting"; readonly machine: string; readonly attempt: string }
  /** Something went wrong, on purpose. `on` is a machine, or empty when all of them may feel it. */
  | { readonly is: "fault"; readonly what: string; readonly on: string; readonly until: number }
);

export interface RunFact {
  readonly id: string;
  readonly order: string;
  readonly workflow: string;
  readonly caller: string;
  readonly priority: number;
  readonly state: string;
  readonly outcome: string | null;
  readonly label: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly queueTimeoutMs: number;
  readonly timeoutMs: number;
  readonly lastEvent: number;
}

export interface AttemptFact {
  readonly id: string;
  readonly run: string;
  readonly number: number;
  /** To do the workflow, to find out whether an earlier one committed (`verify`), or to clean up after it (`upkeep`). */
  readonly purpose: string;
  readonly machine: string;
  readonly label: string;
  /** What its proof said last; null: none was taken. */
  readonly verdict: string | null;
  /** Why it failed. */
  readonly category: string | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

export interface LeaseFact {
  readonly machine: string;
  readonly attempt: string | null;
  readonly epoch: number;
  readonly grantedAt: number;
  readonly endedAt: number | null;
}

export interface EventFact {
  readonly run: string;
  readonly number: number;
  readonly at: number;
  readonly kind: string;
  /** Why an attempt failed. */
  readonly category: string | null;
  /** What verify steps found out. */
  readonly verification: string | null;
}

/** While something was halted, cordoned, paused or limited. */
export interface StopFact extends Stop {
  readonly from: number;
  readonly to: number | null;
}

/** From when on, and until when, a machine was to be passed over because it failed. */
export interface QuarantineFact {
  readonly machine: string;
  readonly from: number;
  readonly to: number;
}

export interface SimulationRecord {
  readonly entries: readonly Entry[];
  readonly runs: readonly RunFact[];
  readonly attempts: readonly AttemptFact[];
  readonly leases: readonly LeaseFact[];
  readonly events: readonly EventFact[];
  readonly stops: readonly StopFact[];
  readonly quarantines: readonly QuarantineFact[];
  /** Replicas were not always woken: then they read later what they were not told of. */
  readonly wakeupsLost: boolean;
  /** When it ended. */
  readonly endedAt: number;
}

/** Two simulations with the same hash went alike in everything that is recorded. */
export const hashOf = (record: SimulationRecord): string =>
  createHash("sha256").update(JSON.stringify(record)).digest("hex").slice(0, 16);
