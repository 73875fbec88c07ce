// A run is on machines only that offer what its workflow requires, as they say themselves, and not before its time.

import type { SimulationRecord } from "../record.ts";
import { type Find, type Nature, roundingMs } from "./finding.ts";
import { entriesOf, offerAt } from "./reading.ts";

export function judgeFitting(record: SimulationRecord, nature: Nature, find: Find): void {
  const runs = new Map(record.runs.map((run) => [run.id, run]));
  const attempts = new Map(record.attempts.map((attempt) => [attempt.id, attempt]));
  const offered = offerAt(record);
  for (const { at, machine, attempt } of entriesOf(record, "input")) {
    const { run = "", purpose } = attempts.get(attempt) ?? {};
    const { workflow } = runs.get(run) ?? {};
    const offer = offered(machine, at);
    if (workflow === undefined || purpose === "upkeep" || nature.fits(workflow, offer)) continue;
    find("placed where it does not fit", at, `${machine} offers ${JSON.stringify(offer)} and does ${workflow}`);
  }
  const asked = new Map(entriesOf(record, "asked").map(({ order, notBefore }) => [order, notBefore]));
  for (const { id, run, startedAt } of record.attempts) {
    const notBefore = asked.get(runs.get(run)?.order ?? "") ?? 0;
    if (startedAt >= notBefore - roundingMs) continue;
    find("placed before its time", startedAt, `attempt ${id} of run ${run} was not to begin before ${notBefore} ms`);
  }
}
