import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "./judge/finding.ts";
import { at, type Changing, event, good, input, nature, offered, settled } from "./judge/good-records.ts";
import { routedWrongly } from "./judge/routed-wrongly.ts";
import { judge } from "./judge.ts";

test("a simulation in which all went well is good", () => {
  assert.deepEqual(judge(good(), nature), []);
  assert.deepEqual(judge(settled(), nature), []);
});

const wrongs: readonly (readonly [title: string, Finding["rule"], (record: Changing) => void])[] = [
  [
    "an input after its lease was taken over",
    "input without a lease",
    ({ entries }) => entries.push(input(14_200, "vm-1", "attempt-1")),
  ],
  [
    "an input before its lease was granted",
    "input without a lease",
    ({ entries }) => entries.push(input(150, "vm-1", "attempt-1")),
  ],
  [
    "an input of an attempt on another machine than the one it is on",
    "input without a lease",
    ({ entries }) => entries.push(input(14_300, "vm-1", "attempt-2")),
  ],
  ["an input that no command led to", "input without a lease", ({ entries }) => entries.push(input(300, "vm-1", ""))],
  [
    "two leases of a machine at the same time",
    "leases overlap",
    ({ leases }) => leases.push({ machine: "vm-2", attempt: null, epoch: 2, grantedAt: 14_900, endedAt: 16_000 }),
  ],
  [
    "work that is handed on just after an outage",
    "hasty takeover",
    ({ entries, events, runs }) => {
      entries.push({ at: 5_000, is: "serving", replica: "replica 1" });
      events.splice(2, 0, event(3, 14_000, "ATTEMPT_ENDED", { category: "MACHINE_LOST" }));
      for (const [index, told] of events.entries()) told.number = index + 1;
      at(runs, 0).lastEvent = 6;
    },
  ],
  [
    "a key press in another program's window",
    "wrong window",
    ({ entries }) => {
      Object.assign(at(entries, 3), { receiver: "stranger" });
    },
  ],
  [
    "an order that was entered twice",
    "double commit",
    ({ entries }) => entries.push({ at: 14_500, is: "commit", machine: "vm-2", attempt: "attempt-2", order: "n1" }),
  ],
  ["a run that succeeded and whose order was not entered", "wrong label", ({ entries }) => void entries.pop()],
  [
    "a run that failed AFTER_COMMIT and whose order was not entered",
    "wrong label",
    ({ entries, runs }) => {
      entries.pop();
      at(runs, 0).outcome = "FAILED";
    },
  ],
  [
    "a run that failed BEFORE_COMMIT and whose order was entered",
    "wrong label",
    ({ runs }) => Object.assign(at(runs, 0), { outcome: "FAILED", label: "BEFORE_COMMIT" }),
  ],
  [
    "an attempt that is BEFORE_COMMIT and entered an order",
    "wrong label",
    ({ entries }) => Object.assign(at(entries, -1), { machine: "vm-1", attempt: "attempt-1" }),
  ],
  [
    "an order that nobody asked for",
    "wrong label",
    ({ entries }) => entries.push({ at: 500, is: "commit", machine: "vm-1", attempt: "attempt-1", order: "n2" }),
  ],
  [
    "a run that was accepted and is not there",
    "lost run",
    ({ entries }) => entries.push({ at: 101, is: "accepted", order: "n2", run: "run-2" }),
  ],
  [
    "an order with two runs",
    "lost run",
    ({ runs }) => runs.push({ ...at(runs, 0), id: "run-2", lastEvent: 0, state: "queued" }),
  ],
  [
    "a run that never ended",
    "lost run",
    ({ runs }) => Object.assign(at(runs, 0), { state: "running", outcome: null, label: null, endedAt: null }),
  ],
  [
    "a run that ended long after its deadline",
    "endless run",
    ({ runs }) => Object.assign(at(runs, 0), { timeoutMs: 100, endedAt: 300_000 }),
  ],
  [
    "an attempt on the machine that the one before it failed on",
    "same machine again",
    ({ attempts, leases, entries }) => {
      for (const moved of [at(attempts, 1), at(leases, 1), at(entries, -1), at(entries, -2)]) {
        Object.assign(moved, { machine: "vm-1" });
      }
    },
  ],
  [
    "a run that waited beside a free machine",
    "idle machine beside a waiting run",
    ({ events, attempts, leases }) => {
      at(events, 3).at = at(attempts, 1).startedAt = at(leases, 1).grantedAt = 14_200;
      at(events, 2).at = 13_100;
    },
  ],
  [
    "a run that waited beside a free machine that never had a lease",
    "idle machine beside a waiting run",
    ({ entries, events }) => {
      entries.unshift({ at: 1, is: "attached", machine: "vm-3" });
      at(events, 2).at = 13_000;
    },
  ],
  [
    "an event that is missing",
    "event gap",
    ({ events }) => {
      at(events, 4).number = 6;
    },
  ],
  ["events at the end that are missing", "event gap", ({ events }) => void events.pop()],
  ...routedWrongly,
  [
    "an event that is older than the one before it",
    "event gap",
    ({ events }) => {
      at(events, 1).at = 80;
    },
  ],
  [
    "a run that ended twice",
    "event gap",
    ({ events, runs }) => {
      events.push(event(6, 15_000, "ENDED"));
      at(runs, 0).lastEvent = 6;
    },
  ],
];

const machine1 = { stop: "halt", kind: "machine", target: "vm-1" } as const;
const person = { at: 5_500, is: "fault", what: "person at the mouse", on: "vm-1" } as const;

/** Nothing goes wrong, and verify begins as soon as it may. */
function undisturb({ entries, events, attempts, leases }: Changing): void {
  entries.splice(4, 1);
  at(events, 3).at = at(attempts, 2).startedAt = at(leases, 2).grantedAt = 4_000;
}

/** The same for the run that was settled. */
const settledWrongly: typeof wrongs = [
  [
    "verify that found an order which was not entered",
    "wrong label",
    ({ entries, runs }) => {
      entries.splice(3, 1);
      Object.assign(at(runs, 0), { outcome: "FAILED", label: "BEFORE_COMMIT" });
    },
  ],
  [
    "verify that did not find an order which was entered",
    "wrong label",
    ({ events }) => Object.assign(at(events, 4), { verification: "NOT_HELD" }),
  ],
  [
    "a run that ends UNKNOWN although there was time to find out",
    "wrong label",
    ({ events, runs }) => {
      Object.assign(at(events, 4), { verification: "UNCLEAR" });
      Object.assign(at(runs, 0), { outcome: "UNKNOWN", label: "UNKNOWN" });
    },
  ],
  [
    "a run that ends UNKNOWN although none of its attempts did",
    "wrong label",
    ({ attempts, runs }) => {
      Object.assign(at(runs, 0), { workflow: "unchecked", outcome: "UNKNOWN", label: "UNKNOWN" });
      at(attempts, 0).label = "AFTER_COMMIT";
    },
  ],
  [
    "an attempt that found open what another one had left",
    "machine not cleaned up",
    ({ attempts }) => Object.assign(at(attempts, 1), { purpose: "verify" }),
  ],
  [
    "an input of an agent that was told to halt",
    "input while halted",
    ({ entries }) => Object.assign(at(entries, -1), { halted: true }),
  ],
  [
    "an input a second after the agent's replica knew that it is halted",
    "input while halted",
    (record) => {
      undisturb(record);
      record.entries.push({ at: 4_600, is: "halting", machine: "vm-1", attempt: "attempt-3" });
    },
  ],
  [
    "an input so long after a halt that its replica must have known",
    "input while halted",
    (record) => {
      undisturb(record);
      for (const later of [at(record.attempts, 2), at(record.leases, 2)]) later.endedAt = 13_000;
      record.entries.push({ at: 5_650, is: "stopped", ...machine1 }, input(12_100, "vm-1", "attempt-3"));
    },
  ],
  [
    "an input more than a second after a halt that every replica was woken for",
    "input while halted",
    (record) => {
      undisturb(record);
      record.wakeupsLost = false;
      record.entries.push({ at: 4_300, is: "stopped", ...machine1 });
    },
  ],
  ["an input beside a person", "input beside a person", ({ entries }) => entries.push({ ...person, until: 5_600 })],
  [
    "an attempt that begins on a machine that is halted",
    "placed on what is stopped",
    ({ entries }) => entries.push({ at: 5_000, is: "stopped", ...machine1 }),
  ],
  [
    "an attempt of a workflow that is halted",
    "placed on what is stopped",
    ({ entries }) => entries.push({ at: 5_000, is: "stopped", stop: "halt", kind: "workflow", target: "verified" }),
  ],
  [
    "an attempt that begins on a machine that is cordoned",
    "placed on what is stopped",
    ({ entries }) => entries.push({ at: 5_000, is: "stopped", ...machine1, stop: "cordon" }),
  ],
  [
    "a machine that is not drained long after the deadline",
    "endless drain",
    (record) => {
      undisturb(record);
      for (const later of [at(record.attempts, 2), at(record.leases, 2)]) later.endedAt = 19_900;
      record.entries.push({ at: 4_100, is: "stopped", ...machine1, stop: "cordon", drainMs: 500 });
    },
  ],
  [
    "a run that waited to be settled beside the free machine that it was on",
    "idle machine beside a waiting run",
    ({ entries }) => void entries.splice(4, 1),
  ],
];

for (const [begin, changes] of [
  [good, wrongs],
  [settled, settledWrongly],
] as const) {
  for (const [title, rule, change] of changes) {
    test(`${title} is found`, () => {
      const record = begin();
      change(record);
      const rules = new Set(judge(record, nature).map((finding) => finding.rule));
      assert.deepEqual([...rules], [rule]);
    });
  }
}

test("every rule of the judge is broken by one of these", () => {
  assert.equal(new Set([...wrongs, ...settledWrongly].map(([, rule]) => rule)).size, 23);
});

test("a run may wait beside a machine that it avoids, that is taken, or that something is wrong with", () => {
  const record = good();
  // vm-1 is back and free while the run waits for vm-2, which is away.
  record.entries.push({ at: 410, is: "attached", machine: "vm-1" }, { at: 410, is: "detached", machine: "vm-2" });
  at(record.leases, 0).endedAt = 10_000;
  at(record.events, 2).at = 10_000;
  assert.deepEqual(judge(record, nature), []);
});

test("a run may wait while it, or the machine beside it, is stopped by an operator", () => {
  for (const stop of [
    machine1,
    { ...machine1, stop: "cordon" },
    { stop: "halt", kind: "workflow", target: "verified" },
    { stop: "pause", kind: "application", target: "ledger" },
    { stop: "limit", kind: "workflow", target: "verified", max: 0 },
  ]) {
    const record = settled();
    record.entries.splice(4, 1);
    record.stops.push({ ...(stop as typeof machine1), from: 550, to: 6_500 });
    at(record.events, 3).at = at(record.attempts, 2).startedAt = at(record.leases, 2).grantedAt = 7_000;
    record.entries.splice(-1, 1, input(7_100, "vm-1", "attempt-3"));
    for (const ended of [at(record.attempts, 2), at(record.leases, 2), at(record.runs, 0)]) ended.endedAt = 7_200;
    for (const index of [4, 5]) at(record.events, index).at = 7_200;
    assert.deepEqual(judge(record, nature), []);
    record.stops.pop();
    assert.deepEqual(
      new Set(judge(record, nature).map(({ rule }) => rule)),
      new Set(["idle machine beside a waiting run"]),
    );
  }
});

test("a run may wait before its time, and beside a machine that it does not fit or that is quarantined", () => {
  const waited = () => {
    const record = good();
    for (const later of [at(record.attempts, 1), at(record.leases, 1)]) later.endedAt = 19_000;
    record.entries.push(offered("vm-1"), offered("vm-2"));
    at(record.events, 3).at = at(record.attempts, 1).startedAt = at(record.leases, 1).grantedAt = 18_000;
    for (const index of [-3, -4]) at(record.entries, index).at = 18_500;
    at(record.events, 4).at = at(record.runs, 0).endedAt = 19_000;
    return record;
  };
  const rules = (record: Changing) => judge(record, nature).map(({ rule }) => rule);
  assert.deepEqual(rules(waited()), ["idle machine beside a waiting run"]);
  const quarantined = waited();
  quarantined.quarantines.push({ machine: "vm-2", from: 13_900, to: 17_900 });
  assert.deepEqual(rules(quarantined), []);
  const updated = waited();
  at(updated.runs, 0).workflow = "northern";
  updated.entries.push({ ...offered("vm-2"), at: 17_900, site: "north" }, { ...offered("vm-1"), site: "north" });
  assert.deepEqual(rules(updated), []);
  const early = waited();
  early.entries.splice(3, 1);
  early.attempts.splice(0, 1);
  early.leases.splice(0, 1);
  early.events.splice(1, 2);
  for (const [index, told] of early.events.entries()) told.number = index + 1;
  Object.assign(at(early.runs, 0), { lastEvent: 3 });
  early.entries.push({ at: 80, is: "asked", order: "n1", caller: "ann", notBefore: 17_500 });
  assert.deepEqual(rules(early), []);
});

test("an agent goes on beside a person when an operator says so, or when the person has let go", () => {
  const resumed = settled();
  resumed.entries.push({ ...person, until: 5_600 }, { at: 5_650, is: "going on", ...machine1 });
  assert.deepEqual(judge(resumed, nature), []);
  const quiet = settled();
  quiet.entries.push({ ...person, at: 705, until: 690 });
  assert.deepEqual(judge(quiet, nature), []);
});

test("what an author says of a workflow is taken into account", () => {
  const twice = good();
  at(twice.runs, 0).workflow = "repeat";
  twice.entries.push({ at: 14_500, is: "commit", machine: "vm-2", attempt: "attempt-2", order: "n1" });
  assert.deepEqual(judge(twice, nature), []);
  const believed = good();
  at(believed.runs, 0).workflow = "unchecked";
  believed.entries.pop();
  assert.deepEqual(judge(believed, nature), []);
});
