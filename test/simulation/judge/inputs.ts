// Every input falls under the lease of the attempt that sent it (G1), reaches the leased application's windows only (G3), and
// finds no other attempt's work still open where that was to be cleaned up.

import type { LeaseFact, SimulationRecord } from "../record.ts";
import { type Find, type Nature, roundingMs } from "./finding.ts";
import { byKey, entriesOf } from "./reading.ts";

export function judgeInputs(record: SimulationRecord, nature: Nature, find: Find): void {
  const leases = byKey(record.leases, (lease) => lease.attempt ?? "");
  for (const { at, machine, attempt, epoch, receiver, key } of entriesOf(record, "input")) {
    const holds = (lease: LeaseFact) =>
      lease.machine === machine &&
      at >= lease.grantedAt - roundingMs &&
      at <= (lease.endedAt ?? Number.POSITIVE_INFINITY) + roundingMs;
    if (attempt === "" || !(leases.get(attempt) ?? []).some(holds)) {
      find("input without a lease", at, `${machine} received ${key} of attempt ${attempt}, epoch ${epoch}`);
    }
    if (receiver !== nature.application) find("wrong window", at, `${machine}: ${key} went to "${receiver}"`);
  }
  judgeCleanliness(record, nature, find);
}

/** What an attempt has left open is closed by itself or by upkeep, if its workflow says how. */
function judgeCleanliness(record: SimulationRecord, nature: Nature, find: Find): void {
  const attempts = new Map(record.attempts.map((attempt) => [attempt.id, attempt]));
  const workflows = new Map(record.runs.map((run) => [run.id, run.workflow]));
  for (const { at, machine, attempt, open } of entriesOf(record, "input")) {
    const left = attempts.get(open);
    if (open === attempt || left === undefined || attempts.get(attempt)?.purpose === "upkeep") continue;
    if (!nature.tidied.has(workflows.get(left.run) ?? "")) continue;
    find("machine not cleaned up", at, `${machine}: attempt ${attempt} found open what attempt ${open} had left`);
  }
}
