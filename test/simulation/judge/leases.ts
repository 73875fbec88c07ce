// Leases of a machine do not overlap (G1). After an outage of all replicas every machine has its time to come back before its
// work is handed on.

import type { SimulationRecord } from "../record.ts";
import type { Find } from "./finding.ts";
import { byKey } from "./reading.ts";

/** No work is handed on for so long after the first replica serves again (13 s, and how exactly that is known). */
const comingBackMs = 13_000 - 500;
/** A shorter outage may not be one: a replica's last word holds for three seconds. */
const outageMs = 3_500;

export function judgeLeases(record: SimulationRecord, find: Find): void {
  for (const [machine, leases] of byKey(record.leases, (lease) => lease.machine)) {
    const inOrder = leases.toSorted((one, other) => one.grantedAt - other.grantedAt);
    for (const [index, lease] of inOrder.entries()) {
      const next = inOrder[index + 1];
      if (next === undefined || (lease.endedAt !== null && lease.endedAt <= next.grantedAt)) continue;
      find("leases overlap", next.grantedAt, `${machine}: attempts ${lease.attempt} and ${next.attempt}`);
    }
  }
}

export function judgeTakeovers(record: SimulationRecord, find: Find): void {
  const resumed: number[] = [];
  const serving = new Set<string>();
  let downSince = Number.NEGATIVE_INFINITY;
  for (const entry of record.entries) {
    if (entry.is === "serving") {
      if (serving.size === 0 && entry.at - downSince > outageMs) resumed.push(entry.at);
      serving.add(entry.replica);
    } else if (entry.is === "gone") {
      serving.delete(entry.replica);
      if (serving.size === 0) downSince = entry.at;
    }
  }
  for (const { at, run, kind, category } of record.events) {
    if (kind !== "ATTEMPT_ENDED" || category !== "MACHINE_LOST") continue;
    const since = resumed.findLast((resumedAt) => resumedAt <= at);
    if (since === undefined || at - since >= comingBackMs) continue;
    find("hasty takeover", at, `run ${run} lost its machine ${(at - since).toFixed(0)} ms after an outage`);
  }
}
