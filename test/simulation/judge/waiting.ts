// No run waits for longer than a second beside a machine that is attached, free, ready and fits (G7), where nothing is disturbed.
// A machine that was not ready, or that is quarantined, is left alone for a while, and a try to find out whether a commit took
// hold is not repeated at once.

import type { AttemptFact, SimulationRecord } from "../record.ts";
import type { Find } from "./finding.ts";
import { quarantined } from "./quarantines.ts";
import { attached, disturbances, doubled, entriesOf, type Span, without } from "./reading.ts";
import type { Wait } from "./waits.ts";

/** Longest wait beside a free machine. */
const waitMs = 1_000;
/** For how long a machine that was not ready is left alone, doubling with each time in a row. */
const unreadyMs = { first: 5_000, most: 300_000 };

export function judgeWaiting(record: SimulationRecord, waits: readonly Wait[], find: Find): void {
  const everywhere = disturbances(record, "");
  const free = new Map<string, Span[]>();
  for (const machine of new Set(entriesOf(record, "attached").map((entry) => entry.machine))) {
    const disturbed = [...everywhere, ...disturbances(record, machine)];
    const stopped = record.stops
      .filter(({ kind, target }) => kind === "machine" && target === machine)
      .map(({ from, to }) => ({ from, to: to ?? record.endedAt }));
    const alone = [...leftAlone(record, machine), ...quarantined(record, machine)];
    const taken = [...leased(record, machine), ...alone, ...stopped];
    free.set(machine, without(attached(record, machine), [...disturbed, ...taken]));
  }
  for (const { run, from, to, fits } of waits) {
    if (to - from <= waitMs) continue;
    for (const [machine, spans] of free) {
      const beside = spans.find((span) => Math.min(span.to, to) - Math.max(span.from, from) > waitMs);
      if (beside === undefined || !fits(machine, Math.max(beside.from, from))) continue;
      const since = Math.max(beside.from, from);
      find("idle machine beside a waiting run", since, `run ${run} waited, and ${machine} was free`);
      break;
    }
  }
}

const leased = (record: SimulationRecord, machine: string): Span[] =>
  record.leases
    .filter((lease) => lease.machine === machine)
    .map(({ grantedAt, endedAt }) => ({ from: grantedAt, to: endedAt ?? record.endedAt }));

/** While nothing is given to a machine because it was not ready. */
function leftAlone(record: SimulationRecord, machine: string): Span[] {
  const inOrder = record.attempts
    .filter((attempt) => attempt.machine === machine)
    .toSorted((one, other) => one.startedAt - other.startedAt);
  let times = 0;
  return inOrder.flatMap((attempt, index): Span[] => {
    if (attempt.purpose !== "upkeep" && attempt.verdict === "READY") times = 0;
    if (attempt.endedAt === null || !wasNotReady(attempt, inOrder[index + 1])) return [];
    return [{ from: attempt.endedAt, to: attempt.endedAt + doubled(unreadyMs, times++) }];
  });
}

/** Upkeep that was followed by more of it did not help. */
const wasNotReady = ({ purpose, category }: AttemptFact, next: AttemptFact | undefined): boolean =>
  purpose === "upkeep" ? next?.purpose === "upkeep" : category === "NOT_READY";
