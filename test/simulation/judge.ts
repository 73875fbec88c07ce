// Judges a simulation by the world's own log. It imports nothing of the product: it must not believe what it judges.
//
// 1. Every input falls under the lease of the attempt that sent it, and leases of a machine do not overlap (G1). After an
//    outage of all replicas every machine has its time to come back before its work is handed on.
// 2. Input reaches the leased application's windows only (G3), and finds nothing open that was to be cleaned up.
// 3. Where operators have stopped something, or a person is at the mouse, nothing is injected and nothing begins (G14).
// 4. A commit takes hold once, and the labels of run and attempt tell the truth about it, also when `verify` has settled
//    them. UNKNOWN is what nobody could find out (G4).
// 5. What was accepted is there, once for each order, and ends in its time (G5, G6).
// 6. An attempt after a failed one is on another machine.
// 7. No run waits for longer than a second beside a machine that is attached, free, ready and fits (G7), where nothing is
//    disturbed.
// 8. A run is on machines only that offer what it requires, and not before its time; limits are not exceeded; runs take their
//    turns by urgency and then by caller; machines on which everything fails are passed over for a while (issue 5).
// 9. Events are numbered from 1 without gaps, in the order of time, and end with the run (G8).

import { judgeCommits, judgeSettling } from "./judge/commits.ts";
import { judgeEvents } from "./judge/events.ts";
import type { Finding, Nature } from "./judge/finding.ts";
import { judgeFitting } from "./judge/fitting.ts";
import { judgeDrains, judgeHalts, judgePersons, judgePlacing } from "./judge/holding.ts";
import { judgeInputs } from "./judge/inputs.ts";
import { judgeLeases, judgeTakeovers } from "./judge/leases.ts";
import { judgeLimits } from "./judge/limits.ts";
import { judgeQuarantines } from "./judge/quarantines.ts";
import { judgeRetries, judgeRuns } from "./judge/runs.ts";
import { judgeTurns } from "./judge/turns.ts";
import { judgeWaiting } from "./judge/waiting.ts";
import { waits } from "./judge/waits.ts";
import type { SimulationRecord } from "./record.ts";

export function judge(record: SimulationRecord, nature: Nature): Finding[] {
  const findings: Finding[] = [];
  const find = (rule: Finding["rule"], at: number, says: string) => void findings.push({ rule, at, says });
  judgeInputs(record, nature, find);
  judgeLeases(record, find);
  judgeTakeovers(record, find);
  judgeHalts(record, find);
  judgePersons(record, find);
  judgePlacing(record, find);
  judgeDrains(record, find);
  judgeCommits(record, nature, find);
  judgeSettling(record, nature, find);
  judgeRuns(record, nature, find);
  judgeRetries(record, find);
  judgeFitting(record, nature, find);
  judgeLimits(record, find);
  judgeQuarantines(record, find);
  const waited = waits(record, nature);
  judgeWaiting(record, waited, find);
  judgeTurns(record, waited, find);
  judgeEvents(record, find);
  return findings;
}
