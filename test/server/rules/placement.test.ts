// Which run goes to which machine: by example, and for any queue and fleet.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { misfit } from "../../../server/rules/matching.ts";
import type { MachineId, OfferId, RouteId, RunId } from "../../../server/rules/names.ts";
import { type FreeMachine, type PlacingFacts, place, type WaitingRun } from "../../../server/rules/placement.ts";
import type { KnownOffer, Limit, Route } from "../../../server/rules/route.ts";
import { quickestMs } from "../../support/quickest.ts";

const now = 1_000_000_000;

/** `ann/notes`: the caller ann with the application notes; its workflow is of the same name. */
const route = (id: string): Route => {
  const [caller = "", application = ""] = id.split("/");
  return { id: id as RouteId, workflow: application, caller, requirement: { application, labels: [] } };
};
const offer = (id: string): KnownOffer => ({
  id: id as OfferId,
  applications: id.split("+").map((name) => ({ name, version: "1" })),
  labels: {},
});

const run = (
  id: string,
  changes: Omit<Partial<WaitingRun>, "avoid" | "route"> & { route?: string; avoid?: string[] } = {},
) => {
  const { route = "ann/notes", avoid = [], ...rest } = changes;
  const made: WaitingRun = {
    ...{ id: id as RunId, front: 0, priority: 0, purpose: "attempt", triesLeft: true, ...rest },
    ...{ route: route as RouteId, avoid: avoid as MachineId[] },
  };
  return made;
};
const machine = (id: string, changes: Omit<Partial<FreeMachine>, "offer"> & { offer?: string } = {}): FreeMachine => {
  const { offer = "notes", ...rest } = changes;
  return {
    ...{ id: id as MachineId, idleSince: 0, warm: {}, failureRate: 0, onProbation: false, ...rest },
    offer: offer as OfferId,
  };
};

const facts = (
  queue: readonly WaitingRun[],
  fleet: readonly FreeMachine[],
  more: Partial<PlacingFacts> = {},
): PlacingFacts => ({
  queue,
  fleet,
  routes: [...new Set(queue.map((each) => each.route))].map(route),
  offers: [...new Set(fleet.map((each) => each.offer))].map(offer),
  shares: { virtualTime: 0, finish: {} },
  limits: [],
  now,
  ...more,
});
const pairs = (...given: Parameters<typeof facts>) => place(facts(...given)).map((p) => `${p.run}>${p.machine}`);

test("a higher priority goes first, then the older run, each to the machine that was idle longest; ties go to the lower id", () => {
  const queue = [run("r1"), run("r2"), run("r3", { priority: 5 })];
  assert.deepEqual(pairs(queue, [machine("a", { idleSince: 2 }), machine("b", { idleSince: 1 })]), ["r3>b", "r1>a"]);
  assert.deepEqual(pairs([run("r2"), run("r1")], [machine("b"), machine("a")]), ["r1>a", "r2>b"]);
});

test("what is to be verified goes first, then what was moved to the front, the last one first, whoever's turn it is", () => {
  const queue = [
    run("r1", { priority: 100 }),
    run("r2", { front: 1, priority: -100 }),
    run("r3", { front: 2, route: "bob/notes" }),
    run("r4", { purpose: "verify", priority: -100 }),
  ];
  const order = pairs(
    queue,
    ["a", "b", "c", "d"].map((id) => machine(id)),
  ).map((pair) => pair.slice(0, 2));
  assert.deepEqual(order, ["r4", "r3", "r2", "r1"]);
});

test("a run goes to no machine that it avoids or that lacks its application, and holds up nobody behind it", () => {
  const fleet = [machine("a"), machine("b", { offer: "sums" })];
  assert.deepEqual(pairs([run("r1", { priority: 9, avoid: ["a"] }), run("r2")], fleet), ["r2>a"]);
  const absent = run("r1", { priority: 9, route: "ann/missing" });
  assert.deepEqual(pairs([absent, run("r2", { route: "ann/sums" })], fleet), ["r2>b"]);
});

test("a machine proven ready for the application of late is better, then one that fails less, then one idle for longer", () => {
  const minutes = (n: number) => now - n * 60_000;
  const best = (...fleet: FreeMachine[]) => pairs([run("r1")], fleet)[0];
  const cold = machine("cold", { idleSince: 0 });
  const warm = machine("warm", { idleSince: 9, warm: { notes: minutes(3) } });
  const warmer = machine("warmer", { idleSince: 9, warm: { notes: minutes(0.5) }, failureRate: 0.9 });
  const other = machine("other", { idleSince: 9, warm: { sums: minutes(0) } });
  assert.equal(best(cold, other, warm), "r1>warm");
  assert.equal(best(warm, warmer), "r1>warmer");
  assert.equal(best(other, cold), "r1>cold");
  // About the same age: the one that fails less; about as reliable: the one that has been idle longer.
  const failing = machine("failing", { idleSince: 0, warm: { notes: minutes(2) }, failureRate: 0.5 });
  assert.equal(best(failing, warm), "r1>warm");
  assert.equal(best(machine("x", { idleSince: 5, failureRate: 0.02 }), machine("y", { idleSince: 4 })), "r1>y");
});

test("a machine whose quarantine is over is probed by a run that can be tried again, and is the last one for another", () => {
  const warm = machine("warm", { warm: { notes: now } });
  const fleet = [warm, machine("probed", { onProbation: true, failureRate: 0.6 })];
  assert.deepEqual(pairs([run("r1"), run("r2")], fleet), ["r1>probed", "r2>warm"]);
  const last = { triesLeft: false };
  assert.deepEqual(pairs([run("r1", last), run("r2", last)], fleet), ["r1>warm", "r2>probed"]);
});

test("the name of an application cannot be a property that every object has", () => {
  assert.deepEqual(pairs([run("r1", { route: "ann/constructor" })], [machine("a", { offer: "constructor" })]), [
    "r1>a",
  ]);
});

test("a burst of one caller delays another's run by one placement; who was away gets no credit", () => {
  const burst = Array.from({ length: 20 }, (_, n) => run(`a${String(n).padStart(2, "0")}`));
  const ten = Array.from({ length: 10 }, (_, n) => run(`b${n}`, { route: "bob/notes" }));
  const fleet = Array.from({ length: 20 }, (_, n) => machine(`m${String(n).padStart(2, "0")}`));
  const shares = { virtualTime: 10_000, finish: { ann: 10_001 } };
  const order = pairs([...burst, ...ten], fleet, { shares }).map((pair) => pair[0]);
  assert.equal(order.filter((caller) => caller === "b").length, 10);
  assert.equal(order[0], "b");
  assert.equal(order.slice(0, 6).filter((caller) => caller === "b").length, 3);
});

test("no more begin than a limit leaves, and who is behind it goes", () => {
  const queue = [run("r1"), run("r2"), run("r3", { route: "ann/sums" })];
  const fleet = ["a", "b", "c"].map((id) => machine(id, { offer: "notes+sums" }));
  const begun = (limits: Limit[]) => pairs(queue, fleet, { limits }).map((pair) => pair.slice(0, 2));
  assert.deepEqual(begun([{ kind: "workflow", name: "notes", left: 1 }]), ["r1", "r3"]);
  assert.deepEqual(begun([{ kind: "application", name: "notes", left: -2 }]), ["r3"]);
});

test("a pass costs about the same with 1,000 callers as with 100, also when a limit is reached", () => {
  const limits: Limit[] = [{ kind: "application", name: "notes", left: 0 }];
  const fleet = Array.from({ length: 40 }, (_, n) => machine(`m${n}`));
  const cost = (callers: number) => {
    const queue = Array.from({ length: 32_000 }, (_, n) => run(`r${n}`, { route: `caller ${n % callers}/notes` }));
    const given = facts(queue, fleet, { limits });
    return quickestMs(0, () => assert.deepEqual(place(given), []));
  };
  const [few, many] = [cost(100), cost(1_000)];
  assert.ok(many < 4 * few, `${many} and ${few} ms`);
});

const ids = ["m1", "m2", "m3", "m4", "m5"];
const apps = ["notes", "sums", "mail"];
const anyRun = fc.record({
  priority: fc.integer({ min: -2, max: 2 }),
  front: fc.constantFrom(0, 0, 0, 1),
  purpose: fc.constantFrom("attempt", "attempt", "verify" as const),
  route: fc.tuple(fc.constantFrom("ann", "bob", "cyd"), fc.constantFrom(...apps)).map((parts) => parts.join("/")),
  avoid: fc.subarray(ids),
  triesLeft: fc.boolean(),
});
const anyQueue = fc
  .array(anyRun, { maxLength: 12 })
  .map((runs) => runs.map((r, i) => run(`r${String(i).padStart(2, "0")}`, r)));
const anyMachine = fc.record({
  id: fc.constantFrom(...ids),
  idleSince: fc.nat(3),
  offer: fc.subarray(apps, { minLength: 1 }).map((names) => names.join("+")),
  warm: fc.dictionary(fc.constantFrom(...apps), fc.integer({ min: now - 100_000_000, max: now })),
  failureRate: fc.double({ min: 0, max: 1, noNaN: true }),
  onProbation: fc.boolean(),
});
const anyFleet = fc
  .uniqueArray(anyMachine, { selector: (m) => m.id })
  .map((machines) => machines.map(({ id, ...rest }) => machine(id, rest)));
const anyShares = fc.record({
  virtualTime: fc.nat(9),
  finish: fc.dictionary(fc.constantFrom("ann", "bob"), fc.nat(12)),
});
const anyLimits = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom("workflow", "application" as const),
    name: fc.constantFrom(...apps),
    left: fc.integer({ min: -1, max: 3 }),
  }),
  {
    selector: ({ kind, name }) => `${kind} ${name}`,
  },
);
const anyFacts = fc
  .tuple(anyQueue, anyFleet, anyShares, anyLimits)
  .map(([queue, fleet, shares, limits]) => facts(queue, fleet, { shares, limits }));

const fits = (r: WaitingRun, m: FreeMachine) =>
  misfit(route(r.route).requirement, offer(m.offer)) === undefined && !r.avoid.includes(m.id);
const bounds = ({ kind }: Limit, r: WaitingRun) =>
  kind === "workflow" ? route(r.route).workflow : route(r.route).requirement.application;

test("for any facts: fitting, one run a machine, one machine a run, within limits, no fitting pair left, the same each time", () => {
  fc.assert(
    fc.property(anyFacts, (given) => {
      const { queue, fleet, limits } = given;
      const placements = place(given);
      const placedRuns = new Map(placements.map((p) => [p.run, p.machine]));
      const placedMachines = new Set(placements.map((p) => p.machine));
      assert.equal(placedRuns.size, placements.length);
      assert.equal(placedMachines.size, placements.length);
      const runOf = (id: string) => queue.find((each) => each.id === id) ?? assert.fail(id);
      const machineOf = (id: string) => fleet.find((each) => each.id === id) ?? assert.fail(id);
      for (const p of placements) assert.ok(fits(runOf(p.run), machineOf(p.machine)));
      const used = (limit: Limit) => placements.filter((p) => bounds(limit, runOf(p.run)) === limit.name).length;
      for (const limit of limits) assert.ok(used(limit) <= Math.max(0, limit.left));
      const isLimited = (r: WaitingRun) =>
        limits.some((l) => bounds(l, r) === l.name && used(l) >= Math.max(0, l.left));
      for (const r of queue) {
        if (placedRuns.has(r.id) || isLimited(r)) continue;
        for (const m of fleet) assert.ok(placedMachines.has(m.id) || !fits(r, m));
      }
      const shuffled = {
        ...given,
        queue: queue.toReversed(),
        fleet: fleet.toReversed(),
        routes: given.routes.toReversed(),
      };
      assert.deepEqual(place(shuffled), placements);
      // What is decided hangs on nothing that a record of it does not hold.
      assert.deepEqual(place(JSON.parse(JSON.stringify(given)) as PlacingFacts), placements);
    }),
    { numRuns: 1000 },
  );
});
