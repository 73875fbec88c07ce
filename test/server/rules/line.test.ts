// The place in line is what placing makes of it: counted from groups, and placed one by one, it is the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LineGroup, placeInLine } from "../../../server/rules/line.ts";
import type { MachineId, OfferId, RouteId, RunId } from "../../../server/rules/names.ts";
import { place, type WaitingRun } from "../../../server/rules/placement.ts";

const callers = ["ann", "bob", "cyd"];

const anyRun = fc.record({
  caller: fc.constantFrom(...callers),
  front: fc.constantFrom(0, 0, 0, 1, 2),
  priority: fc.constantFrom(0, 0, 0, 1),
  purpose: fc.constantFrom("attempt", "attempt", "attempt", "verify" as const),
});
type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

/** Tags below the pool's virtual time are those of callers who have waited while others went on. */
const anyShares = fc.record({
  virtualTime: fc.integer({ min: 3, max: 6 }),
  finish: fc.dictionary(fc.constantFrom(...callers), fc.nat(9), { noNullPrototype: true }),
});

const idOf = (at: number) => `r${String(at).padStart(3, "0")}` as RunId;

/** As the database counts them: by caller and urgency. */
function groupsOf(runs: readonly AnyRun[], purpose: WaitingRun["purpose"], at: number): LineGroup[] {
  const groups = new Map<string, { -readonly [key in keyof LineGroup]: LineGroup[key] }>();
  for (const [index, { caller, front, priority, purpose: its }] of runs.entries()) {
    if (its !== purpose) continue;
    const key = `${caller} ${front} ${priority}`;
    const group = groups.get(key) ?? { caller, front, priority, runs: 0, earlier: 0 };
    group.runs++;
    if (index < at) group.earlier++;
    groups.set(key, group);
  }
  return [...groups.values()];
}

const offer = "notes" as OfferId;

test("for any line and shares: the place that is counted is the place at which the run would be placed", () => {
  const found = fc.check(
    fc.property(fc.array(anyRun, { minLength: 1, maxLength: 24 }), anyShares, (runs, shares) => {
      const queue = runs.map(
        ({ caller, ...run }, at): WaitingRun => ({
          ...run,
          id: idOf(at),
          route: caller as RouteId,
          avoid: [],
          triesLeft: true,
        }),
      );
      const order = place({
        queue,
        routes: callers.map((caller) => ({
          ...{ id: caller as RouteId, workflow: "notes.save", caller },
          requirement: { application: "notes", labels: [] },
        })),
        fleet: runs.map((_, at) => ({
          ...{ id: `m${at}` as MachineId, offer, idleSince: at, warm: {}, failureRate: 0, onProbation: false },
        })),
        offers: [{ id: offer, applications: [{ name: "notes", version: "1" }], labels: {} }],
        shares,
        limits: [],
        now: 0,
      }).map(({ run }) => run);
      assert.equal(order.length, runs.length);
      for (const [at, run] of runs.entries()) {
        const line = { unsettled: groupsOf(runs, "verify", at), queued: groupsOf(runs, "attempt", at), shares };
        assert.equal(placeInLine(run, line), order.indexOf(idOf(at)) + 1, idOf(at));
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(!found.failed, fc.defaultReportMessage(found));
});

test("a run behind a burst of another caller is as far behind it as its own share makes it", () => {
  const burst = { caller: "ann", front: 0, priority: 0, runs: 10_000, earlier: 10_000 };
  const own = { caller: "bob", front: 0, priority: 0, runs: 10, earlier: 9 };
  const line = { unsettled: [], queued: [burst, own], shares: { virtualTime: 0, finish: {} } };
  const run = { caller: "bob", front: 0, priority: 0, purpose: "attempt" } as const;
  assert.equal(placeInLine(run, line), 20);
});
