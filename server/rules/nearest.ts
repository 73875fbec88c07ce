// The machines that come nearest to taking a waiting run. Pure.

import { misfit, type Requirement } from "./matching.ts";
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
  /** When that is expected to be over, and all that would last less long besides; where it can be told. */
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
  requirement: Requirement,
  now: Instant,
): NearMachine[] {
  return machines
    .flatMap((each): NearMachine[] => {
      const why = whyNot(each);
      const expected = expectedOf(each.whys, now);
      if (why === undefined) return [];
      const { reason } = why;
      const detail = hasInstead(requirement, each.machine, reason) ?? why.detail;
      return [{ machine: each.machine.name, reason, detail, ...(expected === undefined ? {} : { expected }) }];
    })
    .sort((a, b) => (a.expected ?? never) - (b.expected ?? never) || (a.machine < b.machine ? -1 : 1))
    .slice(0, nearestMax);
}

/** What the machine has of that which is not as it is asked for. */
function hasInstead(
  { application, labels }: Requirement,
  { offer }: FleetMachine,
  reason: WaitReason,
): string | undefined {
  if (offer === undefined) return undefined;
  if (reason === "WRONG_VERSION") {
    const versions = offer.applications.flatMap((each) => (each.name === application ? [each.version] : []));
    return versions.map((version) => (version === "" ? "not known" : version)).join(", ");
  }
  if (reason !== "LABEL_MISMATCH") return undefined;
  const wrong = labels.filter((test) => misfit({ application, labels: [test] }, offer) !== undefined);
  const has = ({ label }: { readonly label: string }) =>
    Object.hasOwn(offer.labels, label) ? `${label} = ${offer.labels[label]}` : `no label ${label}`;
  return [...new Set(wrong.map(has))].join(", ");
}

const never = Number.MAX_SAFE_INTEGER;
