// Events are numbered from 1 without gaps, in the order of time, and end with the run (G8).

import type { SimulationRecord } from "../record.ts";
import type { Find } from "./finding.ts";
import { byKey } from "./reading.ts";

export function judgeEvents(record: SimulationRecord, find: Find): void {
  const events = byKey(record.events, (event) => event.run);
  for (const run of record.runs) {
    const told = events.get(run.id) ?? [];
    const gap = told.findIndex((event, index) => event.number !== index + 1);
    if (gap >= 0 || told.length !== run.lastEvent) {
      const at = told[gap]?.at ?? run.createdAt;
      find("event gap", at, `run ${run.id} has ${told.length} of ${run.lastEvent} events`);
    }
    const back = told.find((event, index) => event.at < (told[index - 1]?.at ?? 0));
    if (back !== undefined) {
      find("event gap", back.at, `event ${back.number} of run ${run.id} is older than the one before`);
    }
    const ends = told.filter(({ kind }) => kind === "ENDED").length;
    if (run.state === "ended" && (ends !== 1 || told.at(-1)?.kind !== "ENDED")) {
      find("event gap", run.endedAt ?? 0, `run ${run.id} ended, and its events say so ${ends} times`);
    }
  }
}
