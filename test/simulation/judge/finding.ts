// What the judge can find, and what it has to be told of the workflows.

import type { Offer } from "../record.ts";

export interface Finding {
  readonly rule:
    | "input without a lease"
    | "leases overlap"
    | "hasty takeover"
    | "wrong window"
    | "machine not cleaned up"
    | "input while halted"
    | "input beside a person"
    | "placed on what is stopped"
    | "endless drain"
    | "double commit"
    | "wrong label"
    | "lost run"
    | "endless run"
    | "same machine again"
    | "idle machine beside a waiting run"
    | "placed where it does not fit"
    | "placed before its time"
    | "limit exceeded"
    | "overtaken"
    | "unfair share"
    | "quarantine unheeded"
    | "quarantine without end"
    | "event gap";
  readonly at: number;
  readonly says: string;
}

export type Find = (rule: Finding["rule"], at: number, says: string) => void;

/** What the authors of the workflows said of them. */
export interface Nature {
  readonly application: string;
  /** An order may be entered twice. */
  readonly repeatable: ReadonlySet<string>;
  /** The commit step has no check of its own: that it took hold is believed. */
  readonly unchecked: ReadonlySet<string>;
  /** What it leaves open is closed before anybody else works on the machine. */
  readonly tidied: ReadonlySet<string>;
  /** Whether a machine offers what the workflow requires. */
  readonly fits: (workflow: string, offer: Offer) => boolean;
  /** There are steps that find out whether an order was entered: where, and for how long that is tried. */
  readonly verified: ReadonlyMap<string, { readonly on: "any" | "same-machine"; readonly withinMs: number }>;
}

/** The database tells whole milliseconds. */
export const roundingMs = 1;
