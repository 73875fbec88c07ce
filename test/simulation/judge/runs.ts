// What was accepted is there, once for each order, and ends in its time (G5, G6). An attempt after a failed one is on another
// machine.

import type { SimulationRecord } from "../record.ts";
import type { Find, Nature } from "./finding.ts";
import { byKey, disturbances, entriesOf } from "./reading.ts";

/** How long after its deadline a run may end: the last command abandoned, its machine taken over, cleanup. */
const endingMs = 90_000;

export function judgeRuns(record: SimulationRecord, nature: Nature, find: Find): void {
  const { runs } = record;
  const byId = new Map(runs.map((run) => [run.id, run]));
  for (const { at, order, run } of entriesOf(record, "accepted")) {
    if (byId.get(run)?.order !== order) find("lost run", at, `${order} was accepted as run ${run}, which is not there`);
  }
  for (const [order, same] of byKey(runs, (run) => run.order)) {
    if (same.length > 1) find("lost run", same[1]?.createdAt ?? 0, `${order} has ${same.length} runs`);
  }
  const started = new Map<string, number>();
  for (const attempt of record.attempts) {
    started.set(attempt.run, Math.min(attempt.startedAt, started.get(attempt.run) ?? attempt.startedAt));
  }
  const asked = new Map(entriesOf(record, "asked").map(({ order, notBefore }) => [order, notBefore]));
  const disturbedMs = disturbances(record, "").reduce((sum, { from, to }) => sum + to - from, 0);
  for (const run of runs) {
    const startedAt = started.get(run.id);
    const settlingMs = nature.verified.get(run.workflow)?.withinMs ?? 0;
    const mayBegin = Math.max(run.createdAt, asked.get(run.order) ?? 0);
    const deadline = startedAt === undefined ? mayBegin + run.queueTimeoutMs : startedAt + run.timeoutMs;
    const ended = run.endedAt ?? record.endedAt;
    if (run.endedAt !== null && run.endedAt <= deadline + settlingMs + endingMs + disturbedMs) continue;
    if (run.endedAt === null) find("lost run", ended, `run ${run.id} never ended: it is ${run.state}`);
    else find("endless run", ended, `run ${run.id} ended ${ended - deadline} ms after its deadline`);
  }
}

export function judgeRetries(record: SimulationRecord, find: Find): void {
  const tries = record.attempts.filter(({ purpose }) => purpose === "attempt");
  for (const [run, attempts] of byKey(tries, (attempt) => attempt.run)) {
    const inOrder = attempts.toSorted((one, other) => one.number - other.number);
    for (const [index, { machine, startedAt, number }] of inOrder.entries()) {
      if (inOrder[index - 1]?.machine !== machine) continue;
      find("same machine again", startedAt, `attempt ${number} of run ${run} is on ${machine} as the one before`);
    }
  }
}
