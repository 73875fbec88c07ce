// What is told of a waiting run: every machine once, by what would last longest; the nearest; when one is free.

import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "../../../server/rules/explanation.ts";
import type { Offer } from "../../../server/rules/matching.ts";
import type { MachineId, PoolId, RouteId, RunId } from "../../../server/rules/names.ts";
import type { FleetMachine } from "../../../server/rules/obstacles.ts";
import type { Route } from "../../../server/rules/route.ts";
import { waitReasons } from "../../../server/rules/wait-reason.ts";
import type { ExplanationFacts } from "../../../server/rules/waiting.ts";

const now = 1_000_000;
const later = now + 60_000;
const ward = "ward-id" as PoolId;

const notes: Offer = { applications: [{ name: "notes", version: "2" }], labels: { site: "north" } };
const machine = (name: string, changes: Partial<FleetMachine> = {}): FleetMachine => ({
  ...{
    id: `id-${name}` as MachineId,
    name,
    poolId: ward,
    offer: notes,
    status: "idle",
    applications: ["notes"],
    attachedAt: 0,
    takeoverAt: null,
  },
  ...{ cordonedAt: null, drainBy: null, quarantinedUntil: null, hold: null, desktop: null, keptFree: false },
  ...{ unclean: false, unreadyUntil: null, unreadyVerdict: null, work: null },
  ...changes,
});
const busy = (name: string, workflow = "notes.save", startedAt = now, deadlineAt: number | null = null) =>
  machine(name, { status: "busy", work: { workflow, startedAt, deadlineAt } });

const route = (id: string, changes: Partial<Route> = {}): Route => ({
  ...{ id: id as RouteId, workflow: "notes.save", caller: "ann" },
  requirement: { application: "notes", version: ">=2", labels: [{ label: "site", is: "in", values: ["north"] }] },
  ...changes,
});

const facts = (fleet: readonly FleetMachine[], changes: Partial<ExplanationFacts> = {}): ExplanationFacts => ({
  run: {
    ...{ id: "r5" as RunId, route: "mine" as RouteId, front: 0, priority: 0, avoid: [], purpose: "attempt" },
    ...{ poolId: ward, pool: "ward", notBeforeAt: null, settling: false, deadlineAt: later },
  },
  ...{ routes: [route("mine")], queued: [group("mine")], unsettled: [] },
  ...{ shares: { virtualTime: 0, finish: {} }, fleet, holds: { halts: [], pauses: [], limits: [] }, usual: {}, now },
  ...changes,
});
const group = (id: string, runs = 1, earlier = 0) => ({ route: id as RouteId, front: 0, priority: 0, runs, earlier });
const withRun = (fleet: readonly FleetMachine[], changes: Partial<ExplanationFacts["run"]>) => {
  const made = facts(fleet);
  return { ...made, run: { ...made.run, ...changes } };
};
const causes = (given: ExplanationFacts) =>
  explain(given).causes.map(({ reason, detail, machines }) => [reason, detail, machines]);

/** One machine for each reason, each with all that would be over sooner besides. */
const obstacles = [
  ["OTHER_POOL", { poolId: "other" as PoolId }],
  ["APPLICATION_MISSING", { offer: { applications: [], labels: {} } }],
  ["WRONG_VERSION", { offer: { applications: [{ name: "notes", version: "1" }], labels: {} } }],
  ["LABEL_MISMATCH", { offer: { ...notes, labels: {} } }],
  ["AVOIDED", { id: "avoided" as MachineId }],
  ["OFFLINE", { status: "offline" }],
  ["REATTACHING", { status: "reattaching", takeoverAt: later }],
  ["HALTED", { id: "halted" as MachineId }],
  ["CORDONED", { cordonedAt: 0, drainBy: null }],
  ["DRAINING", { cordonedAt: 0, drainBy: later }],
  ["QUARANTINED", { quarantinedUntil: later }],
  ["HUMAN_PRESENT", { hold: "HUMAN_PRESENT" }],
  ["NO_DESKTOP", { desktop: "STUCK" }],
  ["UPDATING", { keptFree: true }],
  ["UNCLEAN", { unclean: true }],
  ["NOT_READY", { unreadyUntil: later, unreadyVerdict: "FROZEN" }],
  ["BUSY", { status: "busy" }],
] as const satisfies readonly (readonly [string, Partial<FleetMachine>])[];

test("every machine is counted once, by the reason that would last longest", () => {
  const last = (at: number) =>
    Object.assign(
      {},
      ...obstacles
        .slice(at)
        .reverse()
        .map(([, change]) => change),
    );
  const fleet = obstacles.map(([reason], at) => machine(reason.toLowerCase(), { ...last(at), ...obstacles[at]?.[1] }));
  const halts = [{ kind: "machine" as const, target: "halted", name: "halted" }];
  const given = facts(fleet, { holds: { halts, pauses: [], limits: [] } });
  const told = explain({ ...given, run: { ...given.run, avoid: ["avoided" as MachineId] } });
  const counted = new Map(told.causes.map(({ reason, machines }) => [reason, machines]));
  assert.equal(
    [...counted.values()].reduce((sum, each) => sum + each, 0),
    fleet.length,
  );
  // A machine has one id and one status, so that some of what is less lasting is not there besides.
  assert.deepEqual(
    [...counted.keys()],
    waitReasons.filter((reason) => counted.has(reason)),
  );
  for (const [reason] of obstacles) assert.equal(counted.get(reason), 1, reason);
  assert.equal(told.fleet, fleet.length);
});

test("all that holds the run wherever it could go is told, with what it is", () => {
  const told = withRun([machine("a"), busy("b")], { notBeforeAt: later, settling: true });
  const holds = {
    halts: [
      { kind: "tenant" as const, target: "", name: "" },
      { kind: "workflow" as const, target: "sums.add", name: "sums.add" },
    ],
    pauses: [{ kind: "pool" as const, target: ward, name: "ward" }],
    limits: [
      { kind: "application" as const, name: "notes", max: 5, used: 6 },
      { kind: "workflow" as const, name: "notes.save", max: 5, used: 4 },
    ],
  };
  assert.deepEqual(causes({ ...told, holds }), [
    ["NOT_BEFORE", "", 0],
    ["HALTED", "everything", 2],
    ["PAUSED", "pool ward", 0],
    ["LIMIT_REACHED", "application notes: 6 of 5", 0],
    ["SETTLING", "", 0],
  ]);
});

test("nothing is told of a machine that it goes to in a moment; with enough others before it they go first", () => {
  const two = [machine("a"), machine("b")];
  assert.deepEqual(causes(facts(two)), []);
  assert.deepEqual(causes(facts(two, { queued: [group("mine", 2, 1)] })), []);
  const third = facts(two, { queued: [group("mine", 3, 2)] });
  assert.deepEqual(causes(third), [["OTHERS_FIRST", "", 2]]);
  assert.deepEqual(explain(third).place, 3);
  assert.deepEqual(
    explain(third).nearest.map((each) => each.machine),
    ["a", "b"],
  );
});

test("the nearest machines are those expected soonest, and the next is free when the first of them is", () => {
  const fleet = [
    busy("slow", "sums.add"),
    busy("soon", "notes.save", now - 9_000),
    busy("late", "notes.save", now - 99_000),
    busy("bounded", "notes.save", now, now + 500),
    machine("cold", { unreadyUntil: now + 4_000, unreadyVerdict: "FROZEN" }),
    machine("drained", { status: "busy", cordonedAt: 0, drainBy: now + 1 }),
    machine("away", { status: "offline" }),
    machine("silent", { status: "reattaching", takeoverAt: now + 2 }),
  ];
  const told = explain(facts(fleet, { usual: { "notes.save": 10_000 } }));
  assert.deepEqual(
    told.nearest.map(({ machine, reason, expected }) => [
      machine,
      reason,
      expected === undefined ? "" : expected - now,
    ]),
    [
      ["late", "BUSY", 0],
      ["silent", "REATTACHING", 2],
      ["bounded", "BUSY", 500],
      ["soon", "BUSY", 1_000],
      ["cold", "NOT_READY", 4_000],
    ],
  );
  assert.equal(told.nextFree, now);
  const rest = explain(facts(fleet.filter(({ name }) => !["late", "bounded", "soon"].includes(name))));
  assert.equal(rest.nextFree, now + 4_000);
  assert.equal(explain(facts([busy("x", "sums.add")])).nextFree, undefined);
});

test("for a run whose time has not come no machine is the next free one before then", () => {
  const nextFree = (fleet: readonly FleetMachine[], notBeforeAt: number) =>
    explain(withRun(fleet, { notBeforeAt })).nextFree;
  assert.equal(nextFree([machine("a")], later), later);
  assert.equal(nextFree([machine("cold", { unreadyUntil: later + 1 })], later), later + 1);
  assert.equal(nextFree([machine("a")], now - 1), now, "its time has come");
  assert.equal(nextFree([machine("a", { status: "offline" })], later), undefined);
});

test("a machine of which no offer is known lacks the application, unless it is away and had it", () => {
  const unknown = { offer: undefined, status: "offline" } as const;
  const never = machine("never", { ...unknown, applications: [] });
  const other = machine("other", { ...unknown, applications: ["sums"] });
  const upgraded = machine("upgraded", unknown);
  const silent = machine("silent", { ...unknown, status: "reattaching" });
  const there = machine("there", { ...unknown, status: "idle" });
  const told = explain(facts([never, other, upgraded, silent, there]));
  assert.deepEqual(
    told.causes.map(({ reason, machines }) => [reason, machines]),
    [
      ["APPLICATION_MISSING", 3],
      ["OFFLINE", 1],
      ["REATTACHING", 1],
    ],
  );
  assert.deepEqual(
    told.nearest.map((each) => each.machine),
    ["silent", "upgraded"],
  );
  assert.deepEqual(explain(facts([never])).nearest, []);
});

test("where no machine fits, the nearest are those of its pool that lack one thing", () => {
  const fleet = [
    machine("old", { offer: { ...notes, applications: [{ name: "notes", version: "1" }] } }),
    machine("south", { offer: { ...notes, labels: {} } }),
    machine("foreign", { poolId: "other" as PoolId }),
    machine("away", { offer: { ...notes, labels: {} }, status: "offline" }),
  ];
  const told = explain(facts(fleet));
  assert.deepEqual(
    told.nearest.map(({ machine, reason, detail }) => [machine, reason, detail]),
    [
      ["old", "WRONG_VERSION", "1"],
      ["south", "LABEL_MISMATCH", "no label site"],
    ],
  );
  assert.equal(told.unmet, "no machine in pool ward that offers notes in a version >=2 has the label site = north");
  assert.equal(explain(facts(fleet.slice(0, 1))).unmet, "no machine in pool ward offers notes in a version >=2");
});

test("a run that is to be settled on its machine waits for it alone, until it has been back for a while", () => {
  const back = machine("back", { attachedAt: now - 1_000 });
  const given = withRun([back, machine("other")], { purpose: "verify", only: back.id });
  const told = explain(given);
  assert.deepEqual(
    told.causes.map(({ reason, until }) => [reason, until]),
    [
      ["SETTLING", now + 2_000],
      ["AVOIDED", undefined],
    ],
  );
  assert.deepEqual(causes({ ...given, now: now + 5_000 }), [["AVOIDED", "", 1]]);
});

test("in line are those that could go to a machine that it could go to, unless something holds them that does not hold it", () => {
  const sums = route("sums", { workflow: "sums.add", requirement: { application: "sums", labels: [] } });
  const bob = route("bob", { caller: "bob", workflow: "notes.read" });
  const both: Offer = { applications: [...notes.applications, { name: "sums", version: "1" }], labels: notes.labels };
  const line = { routes: [route("mine"), sums, bob], queued: [group("mine"), group("sums", 5, 5), group("bob", 7, 7)] };
  const place = (changes: Partial<ExplanationFacts>, offer = notes) =>
    explain(facts([machine("a", { offer })], { ...line, ...changes })).place;
  // Bob's first run is older, and then it is this one's turn.
  assert.equal(place({}), 2);
  // With five before it of the same caller, six of Bob's are.
  assert.equal(place({}, both), 12);
  const pauses = [{ kind: "workflow" as const, target: "notes.read", name: "notes.read" }];
  assert.equal(place({ holds: { halts: [], pauses, limits: [] } }, both), 6);
  const all = [{ kind: "pool" as const, target: ward, name: "ward" }];
  assert.equal(place({ holds: { halts: [], pauses: all, limits: [] } }, both), 12);
});
