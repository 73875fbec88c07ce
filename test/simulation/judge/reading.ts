// How the judge reads a record: entries by their kind, spans of time, and when something was wrong with a machine.

import type { Entry, SimulationRecord } from "../record.ts";

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

/** How long after a disturbance things are still being put right: a takeover, a redial at its slowest. */
const settlingMs = 25_000;

/** Times in which something was wrong with a machine, or with everything (""), or was still being put right. */
export function disturbances(record: SimulationRecord, on: string): Span[] {
  return entriesOf(record, "fault")
    .filter((fault) => fault.on === on)
    .map(({ at, until }) => ({ from: at, to: until + settlingMs }));
}
