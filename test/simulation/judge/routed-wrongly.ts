// What can be wrong with how runs are routed, in a simulation in which all else is good (`good-records.ts`).

import type { AttemptFact } from "../record.ts";
import type { Finding } from "./finding.ts";
import { at, type Changing, event, offered } from "./good-records.ts";

/** An attempt of some run on vm-2, before the one that succeeds there. */
const before = (run: string, startedAt: number, category: string | null = null): AttemptFact => ({
  ...{ id: `of ${run}`, run, number: 1, purpose: "attempt", machine: "vm-2", label: "BEFORE_COMMIT", verdict: "READY" },
  ...{ category, startedAt, endedAt: startedAt + 100 },
});

/** Another run, of bob, waits while vm-2 is at something else and then given to ann's. */
function another({ runs, events, leases }: Changing): Changing["runs"][number] {
  const run = { ...at(runs, 0), id: "run-2", order: "n2", caller: "bob", createdAt: 12_000, endedAt: 15_900 };
  runs.push(Object.assign(run, { outcome: "CANCELLED", label: "BEFORE_COMMIT", lastEvent: 2 }));
  events.push(event(1, 12_000, "QUEUED", { run: "run-2" }), event(2, 15_900, "ENDED", { run: "run-2" }));
  leases.push({ machine: "vm-2", attempt: null, epoch: 1, grantedAt: 2, endedAt: 14_050 });
  return run;
}

const stop = { at: 14_050, is: "stopped", kind: "workflow", target: "enter" } as const;

export const routedWrongly: readonly (readonly [string, Finding["rule"], (record: Changing) => void])[] = [
  [
    "a run on a machine that does not offer what it requires",
    "placed where it does not fit",
    ({ runs }) => Object.assign(at(runs, 0), { workflow: "northern" }),
  ],
  [
    "a run that begins before its time",
    "placed before its time",
    ({ entries }) => entries.push({ at: 80, is: "asked", order: "n1", caller: "ann", notBefore: 250 }),
  ],
  [
    "an attempt of a workflow that is paused",
    "placed on what is stopped",
    ({ entries }) => entries.push({ ...stop, stop: "pause" }),
  ],
  [
    "an attempt beyond a limit",
    "limit exceeded",
    ({ entries, leases }) => {
      at(leases, 0).endedAt = 14_120;
      entries.push({ ...stop, stop: "limit", max: 1 });
    },
  ],
  [
    "a run that waits while a less urgent one begins",
    "overtaken",
    (record) => {
      another(record).priority = 5;
    },
  ],
  [
    "a run that waits while one begins that was not moved to the front as it was",
    "overtaken",
    (record) => {
      another(record).lastEvent = 3;
      at(record.events, -1).number = 3;
      record.events.splice(-1, 0, event(2, 12_500, "MOVED_TO_FRONT", { run: "run-2" }));
    },
  ],
  [
    "a run that waits while another caller is given one machine after the other",
    "unfair share",
    (record) => {
      another(record);
      record.attempts.push(before("run-7", 13_200), before("run-8", 13_400), before("run-9", 13_600));
    },
  ],
  [
    "an attempt on a machine that is quarantined",
    "quarantine unheeded",
    ({ entries, quarantines }) => {
      entries.push(offered("vm-1"), offered("vm-2"));
      quarantines.push({ machine: "vm-2", from: 14_000, to: 20_000 });
    },
  ],
  [
    "an attempt on a machine on which three have failed one after the other",
    "quarantine unheeded",
    ({ entries, attempts }) => {
      entries.push({ at: 3, is: "attached", machine: "vm-3" });
      const failed = ["run-7", "run-8", "run-9"].map((run, n) => before(run, 13_000 + 200 * n, "TIMEOUT"));
      attempts.push(...failed);
    },
  ],
  [
    "a machine that is quarantined for longer than it may be",
    "quarantine without end",
    ({ entries, quarantines }) => {
      entries.push(offered("vm-1"), offered("vm-2"));
      quarantines.push({ machine: "vm-2", from: 15_000, to: 46_000 });
    },
  ],
  [
    "too many machines that are quarantined at a time",
    "quarantine without end",
    ({ entries, quarantines }) => {
      entries.push(offered("vm-1"), offered("vm-2"));
      for (const machine of ["vm-1", "vm-2"]) quarantines.push({ machine, from: 15_000, to: 40_000 });
    },
  ],
];
