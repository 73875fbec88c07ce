// The machines that come nearest to taking a waiting run. Pure.

import type { Instant } from "./names.ts";
import type { FleetMachine } from "./obstacles.ts";
import type { WaitReason, Why } from "./wait-reason.ts";

/** A machine, and all that keeps it from the run. */
export interface Seen {
  readonly machine: FleetMachine;
  readonly whys: readonly Why[];
}

export interface NearMachine extends Why {
  readonly machine: string;
  /** When nothing keeps it from the run any more, where that can be told. */
  readonly expected?: Instant;
}

const nearestMax = 5;

/** When the last obstacle is over; undefined when that of one of them is not known. */
export function expectedOf(whys: readonly Why[], now: Instant): Instant | undefined {
  const ends = whys.map(({ until }) => until);
  return ends.includes(undefined) ? undefined : Math.max(now, ...ends.filter((end) => end !== undefined));
}

/** Where no machine fits: those of its pool that lack the least, and nothing besides. */
export function almost(seen: readonly Seen[]): Seen[] {
  const nearly = (reason: WaitReason) => seen.filter(({ whys }) => whys.length === 1 && whys[0]?.reason === reason);
  return [...nearly("LABEL_MISMATCH"), ...nearly("WRONG_VERSION"), ...nearly("APPLICATION_MISSING")].slice(
    0,
    nearestMax,
  );
}

/** Those expected soonest first, then by name. */
export function nearestOf(
  machines: readonly Seen[],
  whyNot: (seen: Seen) => Why | undefined,
  now: Instant,
): NearMachine[] {
  return machines
    .flatMap((each): NearMachine[] => {
      const why = whyNot(each);
      const expected = expectedOf(each.whys, now);
      if (why === undefined) return [];
      const { reason, detail } = why;
      return [{ machine: each.machine.name, reason, detail, ...(expected === undefined ? {} : { expected }) }];
    })
    .sort((a, b) => (a.expected ?? never) - (b.expected ?? never) || (a.machine < b.machine ? -1 : 1))
    .slice(0, nearestMax);
}

const never = Number.MAX_SAFE_INTEGER;
