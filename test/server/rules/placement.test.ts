// Which run goes to which machine: by example, and for any queue and fleet.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MachineId, RunId } from "../../../server/rules/names.ts";
import { type IdleMachine, place, type WaitingRun } from "../../../server/rules/placement.ts";

const run = (id: string, priority = 0, application = "notes", avoid: string[] = []): WaitingRun => ({
  id: id as RunId,
  application,
  priority,
  avoid: avoid as MachineId[],
  purpose: "attempt",
});
const machine = (id: string, idleSince = 0, applications = ["notes"]): IdleMachine => ({
  id: id as MachineId,
  applications,
  idleSince,
});
const pairs = (queue: WaitingRun[], fleet: IdleMachine[]) => place(queue, fleet).map((p) => `${p.run}>${p.machine}`);

test("a higher priority goes first, then the older run, each to the machine that was idle longest", () => {
  assert.deepEqual(pairs([run("r1"), run("r2"), run("r3", 5)], [machine("a", 2), machine("b", 1)]), ["r3>b", "r1>a"]);
});

test("ties go to the lower id", () => {
  assert.deepEqual(pairs([run("r2"), run("r1")], [machine("b"), machine("a")]), ["r1>a", "r2>b"]);
});

test("a run goes to no machine that it avoids or that lacks its application, and holds up nobody behind it", () => {
  const fleet = [machine("a"), machine("b", 0, ["sums"])];
  assert.deepEqual(pairs([run("r1", 9, "notes", ["a"]), run("r2")], fleet), ["r2>a"]);
  assert.deepEqual(pairs([run("r1", 9, "missing"), run("r2", 0, "sums")], fleet), ["r2>b"]);
});

const ids = ["m1", "m2", "m3", "m4", "m5"];
const apps = ["notes", "sums", "mail"];
const anyQueue = fc
  .array(
    fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      application: fc.constantFrom(...apps),
      avoid: fc.subarray(ids),
    }),
    {
      maxLength: 12,
    },
  )
  .map((runs) => runs.map((r, i) => run(`r${String(i).padStart(2, "0")}`, r.priority, r.application, r.avoid)));
const anyFleet = fc
  .uniqueArray(fc.record({ id: fc.constantFrom(...ids), idleSince: fc.nat(3), apps: fc.subarray(apps) }), {
    selector: (m) => m.id,
  })
  .map((machines) => machines.map((m) => machine(m.id, m.idleSince, m.apps)));

test("for any queue and fleet: fitting, one run a machine, one machine a run, no fitting pair left, the same each time", () => {
  fc.assert(
    fc.property(anyQueue, anyFleet, (queue, fleet) => {
      const placements = place(queue, fleet);
      assert.equal(new Set(placements.map((p) => p.machine)).size, placements.length);
      assert.equal(new Set(placements.map((p) => p.run)).size, placements.length);
      const fits = (r: WaitingRun, m: IdleMachine) => m.applications.includes(r.application) && !r.avoid.includes(m.id);
      const placedRuns = new Set(placements.map((p) => p.run));
      const placedMachines = new Set(placements.map((p) => p.machine));
      for (const p of placements) {
        const r = queue.find((each) => each.id === p.run);
        const m = fleet.find((each) => each.id === p.machine);
        assert.ok(r !== undefined && m !== undefined && fits(r, m));
      }
      for (const r of queue) {
        for (const m of fleet) assert.ok(placedRuns.has(r.id) || placedMachines.has(m.id) || !fits(r, m));
      }
      assert.deepEqual(place([...queue].reverse(), [...fleet].reverse()), placements);
    }),
  );
});
