// No run waits for longer than a second beside a machine that is attached, free and ready (G7), where nothing is disturbed. A
// machine that was not ready is left alone for a while, and a try to find out whether a commit took hold is not repeated at once.

import type { AttemptFact, EventFact, SimulationRecord, StopFact } from "../record.ts";
import type { Find, Nature } from "./finding.ts";
import { byKey, disturbances, entriesOf, type Span, without } from "./reading.ts";

/** Longest wait beside a free machine. */
const waitMs = 1_000;
/** For how long a machine that was not ready is left alone, doubling with each time in a row. */
const unreadyMs = { first: 5_000, most: 300_000 };
/** An application has so long to finish what was asked of it, before it is looked whether it did. */
const verifyAfterMs = 3_000;
/** Between two tries to find out, doubling. */
const verifyAgainMs = { first: 2_000, most: 60_000 };

const doubled = ({ first, most }: { first: number; most: number }, times: number): number =>
  Math.min(first * 2 ** times, most);

export function judgeWaiting(record: SimulationRecord, nature: Nature, find: Find): void {
  const everywhere = disturbances(record, "");
  const free = new Map<string, Span[]>();
  for (const machine of new Set(entriesOf(record, "attached").map((entry) => entry.machine))) {
    const disturbed = [...everywhere, ...disturbances(record, machine)];
    const stopped = stops(
      record,
      (stop) => stop.kind !== "workflow" && (stop.kind !== "machine" || stop.target === machine),
    );
    const taken = [...leased(record, machine), ...leftAlone(record, machine), ...stopped];
    free.set(machine, without(attached(record, machine), [...disturbed, ...taken]));
  }
  for (const { run, from, to, fits } of waits(record, nature)) {
    if (to - from <= waitMs) continue;
    for (const [machine, spans] of free) {
      const beside = spans.find((span) => Math.min(span.to, to) - Math.max(span.from, from) > waitMs);
      if (!fits(machine) || beside === undefined) continue;
      const since = Math.max(beside.from, from);
      find("idle machine beside a waiting run", since, `run ${run} waited, and ${machine} was free`);
      break;
    }
  }
}

interface Wait extends Span {
  readonly run: string;
  /** Whether it may be on the machine. */
  readonly fits: (machine: string) => boolean;
}

/** When each run waited, and for which machines. */
function waits(record: SimulationRecord, nature: Nature): Wait[] {
  const attempts = byKey(record.attempts, (attempt) => attempt.run);
  const runs = new Map(record.runs.map((run) => [run.id, run]));
  return [...byKey(record.events, (event) => event.run)].flatMap(([run, told]) => {
    const { workflow = "" } = runs.get(run) ?? {};
    const tries = attempts.get(run)?.filter(({ purpose }) => purpose === "attempt") ?? [];
    return told.flatMap((event, index): Wait[] => {
      const pauseMs = pauseAfter(event, told.slice(0, index));
      if (pauseMs === undefined) return [];
      const last = tries.findLast(({ startedAt }) => startedAt < event.at);
      const verifies = event.kind === "UNSETTLED";
      const anywhere = nature.verified.get(workflow)?.on === "any";
      const fits = (machine: string) => (verifies && anywhere) || verifies === (machine === last?.machine);
      const from = Math.max(event.at, verifies && last !== undefined ? letGoAt(record, last) : 0) + pauseMs;
      const halted = stops(record, ({ kind, target }) => kind === "workflow" && target === workflow);
      const whole = { from, to: told[index + 1]?.at ?? record.endedAt };
      return without([whole], halted).map((span) => ({ ...span, run, fits }));
    });
  });
}

/** When an attempt's agent was known to be at it no more, and what it had left open was closed. */
function letGoAt(record: SimulationRecord, { id, machine }: AttemptFact): number {
  const upkeep = new Set(record.attempts.filter(({ purpose }) => purpose === "upkeep").map((attempt) => attempt.id));
  const leases = record.leases.filter((lease) => lease.machine === machine);
  const own = leases.findIndex(({ attempt }) => attempt === id);
  const next = leases.findIndex(({ attempt }, index) => index > own && !upkeep.has(attempt ?? ""));
  return leases.at((next === -1 ? leases.length : next) - 1)?.endedAt ?? record.endedAt;
}

/** How long a run does not even wait after an event; undefined when it does not wait at all. */
function pauseAfter({ kind }: EventFact, before: readonly EventFact[]): number | undefined {
  if (kind === "QUEUED" || kind === "REQUEUED") return 0;
  if (kind !== "UNSETTLED") return undefined;
  const since = before.findLastIndex((event) => event.kind === "REQUEUED");
  const tries = before.slice(since + 1).filter((event) => event.kind === "VERIFIED").length;
  return tries === 0 ? verifyAfterMs : doubled(verifyAgainMs, tries - 1);
}

function attached(record: SimulationRecord, machine: string): Span[] {
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

const leased = (record: SimulationRecord, machine: string): Span[] =>
  record.leases
    .filter((lease) => lease.machine === machine)
    .map(({ grantedAt, endedAt }) => ({ from: grantedAt, to: endedAt ?? record.endedAt }));

/** While operators had stopped something. */
const stops = (record: SimulationRecord, which: (stop: StopFact) => boolean): Span[] =>
  record.stops.filter(which).map(({ from, to }) => ({ from, to: to ?? record.endedAt }));

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
