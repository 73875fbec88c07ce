// Two simulations in which nothing is wrong, for tests to make something wrong in.

import assert from "node:assert/strict";
import type { Entry, EventFact, SimulationRecord } from "../record.ts";
import type { Nature } from "./finding.ts";

type Mutable<T> = T extends object ? { -readonly [Key in keyof T]: Mutable<T[Key]> } : T;
export type Changing = Mutable<SimulationRecord>;

export const nature: Nature = {
  application: "ledger",
  repeatable: new Set(["repeat"]),
  unchecked: new Set(["unchecked"]),
  tidied: new Set(["tidy", "verified"]),
  fits: (workflow, { site }) => workflow !== "northern" || site === "north",
  verified: new Map([["verified", { on: "same-machine", withinMs: 60_000 }]]),
};

export const input = (at: number, machine: string, attempt: string): Entry => ({
  ...{ at, is: "input", machine, attempt, epoch: 1, command: 2, receiver: "ledger", key: "x", open: "", halted: false },
});

export const offered = (machine: string) => ({ at: 1, is: "offered" as const, machine, version: "", site: "" });

export const event = (number: number, at: number, kind: string, more: Partial<EventFact> = {}): EventFact => ({
  ...{ run: "run-1", number, at, kind, category: null, verification: null, ...more },
});

const attempt = { run: "run-1", purpose: "attempt", verdict: "READY", category: null };

/** A run that was lost on one machine before its commit, and succeeded on another one. */
export const good = (): Changing => ({
  entries: [
    { at: 1, is: "attached", machine: "vm-1" },
    { at: 2, is: "attached", machine: "vm-2" },
    { at: 100, is: "accepted", order: "n1", run: "run-1" },
    input(300, "vm-1", "attempt-1"),
    { at: 310, is: "detached", machine: "vm-1" },
    { at: 310, is: "fault", what: "agent killed", on: "vm-1", until: 400 },
    input(14_300, "vm-2", "attempt-2"),
    { at: 14_400, is: "commit", machine: "vm-2", attempt: "attempt-2", order: "n1" },
  ] as Entry[],
  runs: [
    {
      ...{ id: "run-1", order: "n1", workflow: "enter", caller: "ann", priority: 0 },
      ...{ state: "ended", outcome: "SUCCEEDED", label: "AFTER_COMMIT" },
      ...{ createdAt: 90, endedAt: 15_000, queueTimeoutMs: 60_000, timeoutMs: 60_000, lastEvent: 5 },
    },
  ],
  attempts: [
    {
      ...{ ...attempt, id: "attempt-1", number: 1, machine: "vm-1", label: "BEFORE_COMMIT" },
      ...{ startedAt: 200, endedAt: 14_000 },
    },
    {
      ...{ ...attempt, id: "attempt-2", number: 2, machine: "vm-2", label: "AFTER_COMMIT" },
      ...{ startedAt: 14_100, endedAt: 15_000 },
    },
  ],
  leases: [
    { machine: "vm-1", attempt: "attempt-1", epoch: 1, grantedAt: 200, endedAt: 14_000 },
    { machine: "vm-2", attempt: "attempt-2", epoch: 1, grantedAt: 14_100, endedAt: 15_000 },
  ],
  events: [
    event(1, 90, "QUEUED"),
    event(2, 200, "PLACED"),
    event(3, 14_000, "REQUEUED"),
    event(4, 14_100, "PLACED"),
    event(5, 15_000, "ENDED"),
  ],
  stops: [],
  quarantines: [],
  wakeupsLost: true,
  endedAt: 20_000,
});

/** A run whose agent was killed in the commit, and which its verify steps, on the same machine, settled. */
export const settled = (): Changing => ({
  entries: [
    { at: 1, is: "attached", machine: "vm-1" },
    { at: 100, is: "accepted", order: "n1", run: "run-1" },
    input(300, "vm-1", "attempt-1"),
    { at: 310, is: "commit", machine: "vm-1", attempt: "attempt-1", order: "n1" },
    { at: 310, is: "fault", what: "agent killed", on: "vm-1", until: 400 },
    { ...input(600, "vm-1", "attempt-2"), open: "attempt-1" } as Entry,
    input(5_700, "vm-1", "attempt-3"),
  ] as Entry[],
  runs: [
    {
      ...{
        id: "run-1",
        order: "n1",
        workflow: "verified",
        caller: "ann",
        priority: 0,
        state: "ended",
        outcome: "SUCCEEDED",
        label: "AFTER_COMMIT",
      },
      ...{ createdAt: 90, endedAt: 6_000, queueTimeoutMs: 60_000, timeoutMs: 60_000, lastEvent: 6 },
    },
  ],
  attempts: [
    { ...attempt, id: "attempt-1", number: 1, machine: "vm-1", label: "UNKNOWN", startedAt: 200, endedAt: 500 },
    {
      ...{ ...attempt, id: "attempt-2", number: 2, purpose: "upkeep", machine: "vm-1", label: "BEFORE_COMMIT" },
      ...{ startedAt: 510, endedAt: 700 },
    },
    {
      ...{ ...attempt, id: "attempt-3", number: 3, purpose: "verify", machine: "vm-1", label: "BEFORE_COMMIT" },
      ...{ startedAt: 5_600, endedAt: 6_000 },
    },
  ],
  leases: [
    { machine: "vm-1", attempt: "attempt-1", epoch: 1, grantedAt: 200, endedAt: 500 },
    { machine: "vm-1", attempt: "attempt-2", epoch: 2, grantedAt: 510, endedAt: 700 },
    { machine: "vm-1", attempt: "attempt-3", epoch: 3, grantedAt: 5_600, endedAt: 6_000 },
  ],
  events: [
    event(1, 90, "QUEUED"),
    event(2, 200, "PLACED"),
    event(3, 500, "UNSETTLED"),
    event(4, 5_600, "PLACED"),
    event(5, 6_000, "VERIFIED", { verification: "HELD" }),
    event(6, 6_000, "ENDED"),
  ],
  stops: [],
  quarantines: [],
  wakeupsLost: true,
  endedAt: 20_000,
});

export const at = <T>(list: T[], index: number): T => {
  const found = list.at(index);
  assert.ok(found !== undefined);
  return found;
};
