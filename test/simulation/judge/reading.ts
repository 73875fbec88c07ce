// How the judge reads a record: entries by their kind, spans of time, and when something was wrong with a machine.

import type { Entry, Offer, SimulationRecord, Stop } from "../record.ts";

export type Entries<Is extends Entry["is"]> = Extract<Entry, { readonly is: Is }>;

export function entriesOf<Is extends Entry["is"]>(record: SimulationRecord, is: Is): Entries<Is>[] {
  return record.entries.filter((entry): entry is Entries<Is> => entry.is === is);
}

export function byKey<T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const item of list) {
    const before = found.get(key(item));
    if (before === undefined) found.set(key(item), [item]);
    else before.push(item);
  }
  return found;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is left of some spans without others. */
export function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  return others.reduce<readonly Span[]>(
    (left, other) =>
      left.flatMap((span) => {
        if (other.to <= span.from || other.from >= span.to) return [span];
        const before = { from: span.from, to: other.from };
        const after = { from: other.to, to: span.to };
        return [before, after].filter(({ from, to }) => to > from);
      }),
    spans,
  ) as Span[];
}

export const within = (spans: readonly Span[], at: number): boolean =>
  spans.some(({ from, to }) => at >= from && at <= to);

export const doubled = ({ first, most }: { first: number; most: number }, times: number): number =>
  Math.min(first * 2 ** times, most);

const nothing: Offer = { version: "", site: "" };

/** While a machine's agent was attached, as it knew itself. */
export function attached(record: SimulationRecord, machine: string): Span[] {
  const spans: Span[] = [];
  let since: number | undefined;
  for (const entry of record.entries) {
    if (!("machine" in entry) || entry.machine !== machine) continue;
    if (entry.is === "attached") since ??= entry.at;
    if (entry.is !== "detached" || since === undefined) continue;
    spans.push({ from: since, to: entry.at });
    since = undefined;
  }
  return since === undefined ? spans : [...spans, { from: since, to: record.endedAt }];
}

/** What a machine offers at a time, as it said itself. */
export function offerAt(record: SimulationRecord): (machine: string, at: number) => Offer {
  const offers = byKey(entriesOf(record, "offered"), (entry) => entry.machine);
  return (machine, at) => offers.get(machine)?.findLast((offer) => offer.at <= at) ?? nothing;
}

/** What operators stop, from the moment that they are answered on to when they ask for it to go on. */
export function stopped(record: SimulationRecord): (Stop & Span)[] {
  const ends = entriesOf(record, "going on");
  return entriesOf(record, "stopped").map(({ at, is: _, drainMs: __, ...stop }) => {
    const end = ends.find(
      (one) => one.at >= at && one.stop === stop.stop && one.kind === stop.kind && one.target === stop.target,
    );
    return { ...stop, from: at, to: end?.at ?? record.endedAt };
  });
}

/** How long after a disturbance things are still being put right: a takeover, a redial at its slowest. */
const settlingMs = 25_000;

/** Times in which something was wrong with a machine, or with everything (""), or was still being put right. */
export function disturbances(record: SimulationRecord, on: string): Span[] {
  return entriesOf(record, "fault")
    .filter((fault) => fault.on === on)
    .map(({ at, until }) => ({ from: at, to: until + settlingMs }));
}
