// When runs waited, and for which machines: not while something was paused or halted, a limit was reached, or before their time.

import type { AttemptFact, EventFact, SimulationRecord } from "../record.ts";
import type { Nature } from "./finding.ts";
import { reached } from "./limits.ts";
import { byKey, doubled, entriesOf, offerAt, type Span, without } from "./reading.ts";

/** An application has so long to finish what was asked of it, before it is looked whether it did. */
const verifyAfterMs = 3_000;
/** Between two tries to find out, doubling. */
const verifyAgainMs = { first: 2_000, most: 60_000 };

export interface Wait extends Span {
  readonly run: string;
  readonly workflow: string;
  /** It is to be found out whether it committed. */
  readonly verifies: boolean;
  /** Whether it may be on the machine as it is then. */
  readonly fits: (machine: string, at: number) => boolean;
}

export function waits(record: SimulationRecord, nature: Nature): Wait[] {
  const attempts = byKey(record.attempts, (attempt) => attempt.run);
  const runs = new Map(record.runs.map((run) => [run.id, run]));
  const asked = new Map(entriesOf(record, "asked").map(({ order, notBefore }) => [order, notBefore]));
  const kept = new Map<string, Span[]>();
  const offered = offerAt(record);
  return [...byKey(record.events, (event) => event.run)].flatMap(([run, told]) => {
    const { workflow = "", order = "" } = runs.get(run) ?? {};
    const tries = attempts.get(run)?.filter(({ purpose }) => purpose === "attempt") ?? [];
    const early = { from: 0, to: asked.get(order) ?? 0 };
    const back = kept.get(workflow) ?? keptBack(record, workflow);
    kept.set(workflow, back);
    const stages = told.filter(({ kind }) => kind !== "MOVED_TO_FRONT");
    return stages.flatMap((event, index): Wait[] => {
      const pauseMs = pauseAfter(event, stages.slice(0, index));
      if (pauseMs === undefined) return [];
      const last = tries.findLast(({ startedAt }) => startedAt < event.at);
      const verifies = event.kind === "UNSETTLED";
      const anywhere = nature.verified.get(workflow)?.on === "any";
      const fits = (machine: string, at: number) => {
        if (!nature.fits(workflow, offered(machine, at))) return false;
        return (verifies && anywhere) || verifies === (machine === last?.machine);
      };
      const from = Math.max(event.at, verifies && last !== undefined ? letGoAt(record, last) : 0) + pauseMs;
      const whole = { from, to: stages[index + 1]?.at ?? record.endedAt };
      return without([whole], [early, ...back]).map((span) => ({ ...span, run, workflow, verifies, fits }));
    });
  });
}

/** While nothing of a workflow was to begin. */
function keptBack(record: SimulationRecord, workflow: string): Span[] {
  return record.stops.flatMap((stop): Span[] => {
    if (stop.kind === "machine" || (stop.kind === "workflow" && stop.target !== workflow)) return [];
    if (stop.stop === "limit") return reached(record, stop);
    return [{ from: stop.from, to: stop.to ?? record.endedAt }];
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
