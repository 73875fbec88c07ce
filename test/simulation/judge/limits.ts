// No more runs are under way than a limit lets (issue 5): of a workflow, or with an application. What is over a limit that was
// lowered goes on. A run is under way from its lease on, until that has ended and its last input has arrived.

import type { SimulationRecord, StopFact } from "../record.ts";
import { type Find, roundingMs } from "./finding.ts";
import { byKey, entriesOf, type Span, stopped } from "./reading.ts";

interface UnderWay extends Span {
  readonly attempt: string;
  readonly workflow: string;
}

const known = new WeakMap<SimulationRecord, UnderWay[]>();

/** There is one application: a limit of it is for all. */
function underWay(record: SimulationRecord, { kind, target }: Pick<StopFact, "kind" | "target">): UnderWay[] {
  const all = known.get(record) ?? readUnderWay(record);
  known.set(record, all);
  return kind === "workflow" ? all.filter(({ workflow }) => workflow === target) : all;
}

function readUnderWay(record: SimulationRecord): UnderWay[] {
  const workflows = new Map(record.runs.map((run) => [run.id, run.workflow]));
  const attempts = new Map(record.attempts.map((attempt) => [attempt.id, attempt]));
  const inputs = byKey(entriesOf(record, "input"), (input) => input.attempt);
  return record.leases.flatMap(({ attempt: id, grantedAt, endedAt }) => {
    const attempt = attempts.get(id ?? "");
    if (attempt === undefined || attempt.purpose === "upkeep") return [];
    const lastInputAt = (inputs.get(attempt.id)?.at(-1)?.at ?? 0) - roundingMs;
    const to = Math.max(endedAt ?? record.endedAt, lastInputAt);
    return { attempt: attempt.id, workflow: workflows.get(attempt.run) ?? "", from: grantedAt, to };
  });
}

export function judgeLimits(record: SimulationRecord, find: Find): void {
  for (const limit of stopped(record)) {
    if (limit.stop !== "limit") continue;
    const all = underWay(record, limit);
    for (const { attempt, from: at } of all) {
      if (at <= limit.from + roundingMs || at >= limit.to - roundingMs) continue;
      const count = all.filter(({ from, to }) => from <= at && to > at).length;
      if (count <= (limit.max ?? 0)) continue;
      const says = `attempt ${attempt} was one of ${count}, of ${limit.kind} ${limit.target} with a limit of ${limit.max}`;
      find("limit exceeded", at, says);
    }
  }
}

/** While a limit was reached: nothing more of it may begin. */
export function reached(record: SimulationRecord, limit: StopFact): Span[] {
  const all = underWay(record, limit);
  const end = limit.to ?? record.endedAt;
  const changes = all.flatMap(({ from, to }) => [from, to]).filter((at) => at > limit.from && at < end);
  const times = [limit.from, ...changes.toSorted((one, other) => one - other), end];
  const spans: Span[] = [];
  for (const [index, to] of times.entries()) {
    const from = times[index - 1];
    if (from === undefined || to <= from) continue;
    if (all.filter((one) => one.from <= from && one.to > from).length >= (limit.max ?? 0)) spans.push({ from, to });
  }
  return spans;
}
