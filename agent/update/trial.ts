// Which program a supervisor starts next, and what it has to remember of that: the states of `release.json` and the one
// function that changes them. Pure.
//
// 1. A candidate is started at most twice before it has attached; then, or when its time is over, the program before it
//    comes back.
// 2. What was given up is not tried again, until another version has been wanted in between.
// 3. Every state names a program that worked here, down to the installed one, which no update replaces.
// 4. A release that has attached may still be one that keeps dying: until it has proven itself, several short lives bring
//    the program before it back.
// 5. An installed program that is as new as what would be started is started instead: a person has installed it.

import type { Release } from "./release.ts";
import { isNewer } from "./version.ts";

/** A program that can be started: a release in the state directory, or the one that was installed. */
export type Program = { readonly is: "installed" } | { readonly is: "release"; readonly release: Release };

/** A release that was tried and given up. */
export interface FailedRelease {
  readonly version: string;
  readonly fault: "NOT_ATTACHED" | "DIGEST";
}

export type ReleaseRecord =
  | {
      readonly is: "settled";
      readonly current: Program;
      /** What ran before it: comes back when the current one's file is damaged. */
      readonly previous: Program;
      readonly failed?: FailedRelease;
      /** How many of its lives were short since it attached; no longer there once it has proven itself (4). */
      readonly shortLives?: number;
    }
  | {
      readonly is: "trying";
      readonly candidate: Release;
      /** How often it was started. */
      readonly starts: number;
      /** What ran before it. */
      readonly fallback: Program;
    };

export type Happening =
  /** A program is about to be started. */
  | { readonly what: "STARTING"; readonly installedVersion: string }
  /** The running program wants to be replaced by this one. */
  | { readonly what: "TRY"; readonly release: Release }
  /** The running program has attached to a control plane. */
  | { readonly what: "ATTACHED" }
  /** The program that ran has ended, after so long a life. */
  | { readonly what: "DIED"; readonly livedMs: number }
  /** It is long enough since the program attached. */
  | { readonly what: "PROVEN" }
  /** The running program has not attached within its time. */
  | { readonly what: "TIME_OVER" }
  /** The file of the program to start is not the one that was recorded. */
  | { readonly what: "DAMAGED" }
  /** The control plane wants this version. */
  | { readonly what: "WANTED"; readonly version: string };

const STARTS_MAX = 2;
const SHORT_LIFE_MS = 30_000;
const SHORT_LIVES_MAX = 3;
const INSTALLED: Program = { is: "installed" };

/** What a supervisor knows that has never replaced anything. */
export const UNTOUCHED: ReleaseRecord = { is: "settled", current: INSTALLED, previous: INSTALLED };

/** The program to start in this state. */
export function programOf(record: ReleaseRecord): Program {
  return record.is === "trying" ? { is: "release", release: record.candidate } : record.current;
}

/** The state after a happening; the same object when nothing changes. */
export function advance(record: ReleaseRecord, happening: Happening): ReleaseRecord {
  switch (happening.what) {
    case "STARTING":
      return starting(record, happening.installedVersion);
    case "TRY": {
      if (record.is === "trying" || happening.release.version === record.failed?.version) return record;
      return { is: "trying", candidate: happening.release, starts: 0, fallback: record.current };
    }
    case "ATTACHED": {
      if (record.is === "settled") return record;
      const current: Program = { is: "release", release: record.candidate };
      return { is: "settled", current, previous: record.fallback, shortLives: 0 };
    }
    case "DIED":
      return died(record, happening.livedMs);
    case "PROVEN": {
      if (record.is === "trying" || record.shortLives === undefined) return record;
      const { shortLives: _, ...rest } = record;
      return rest;
    }
    case "TIME_OVER":
      return record.is === "trying" ? givenUp(record, "NOT_ATTACHED") : record;
    case "DAMAGED": {
      if (record.is === "trying") return givenUp(record, "DIGEST");
      const { shortLives: _, ...rest } = record;
      return { ...rest, current: record.previous, previous: INSTALLED };
    }
    case "WANTED": {
      if (record.is === "trying" || record.failed === undefined) return record;
      if (happening.version === "" || happening.version === record.failed.version) return record;
      const { failed: _, ...rest } = record;
      return rest;
    }
  }
}

function starting(record: ReleaseRecord, installedVersion: string): ReleaseRecord {
  const program = programOf(record);
  if (program.is === "release" && !isNewer(program.release.version, installedVersion)) return UNTOUCHED;
  if (record.is === "settled") return record;
  return record.starts < STARTS_MAX ? { ...record, starts: record.starts + 1 } : givenUp(record, "NOT_ATTACHED");
}

function died(record: ReleaseRecord, livedMs: number): ReleaseRecord {
  if (record.is === "trying" || record.shortLives === undefined || livedMs >= SHORT_LIFE_MS) return record;
  const { current, previous, shortLives } = record;
  if (shortLives + 1 < SHORT_LIVES_MAX || current.is === "installed") return { ...record, shortLives: shortLives + 1 };
  const failed = { version: current.release.version, fault: "NOT_ATTACHED" } as const;
  return { is: "settled", current: previous, previous: INSTALLED, failed };
}

type Trying = Extract<ReleaseRecord, { is: "trying" }>;

/** Also for a trial that could not be recorded: what cannot be remembered is not begun. */
export function givenUp({ candidate, fallback }: Trying, fault: FailedRelease["fault"]): ReleaseRecord {
  const failed = { version: candidate.version, fault };
  return { is: "settled", current: fallback, previous: INSTALLED, failed };
}
