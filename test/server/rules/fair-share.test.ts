// Fair shares between callers: by example, and bounds that hold for any order in which they come and go.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Shares, served, startTag } from "../../../server/rules/fair-share.ts";

const fresh: Shares = { virtualTime: 0, finish: {} };

/** Who is served, one after the other, while each of `waiting` has that many runs waiting. Ties go to the first named. */
function order(waiting: Record<string, number>, shares = fresh, placements = Number.POSITIVE_INFINITY) {
  const left = { ...waiting };
  const callers: string[] = [];
  for (; callers.length < placements; ) {
    const [next] = Object.keys(left)
      .filter((caller) => (left[caller] ?? 0) > 0)
      .sort((a, b) => startTag(shares, a) - startTag(shares, b));
    if (next === undefined) break;
    left[next] = (left[next] ?? 0) - 1;
    shares = served(shares, next);
    callers.push(next);
  }
  return { callers: callers.join(""), shares };
}

test("callers who wait take turns, however much each of them has waiting", () => {
  assert.equal(order({ a: 10_000, b: 3 }, fresh, 8).callers, "abababaa");
  assert.equal(order({ a: 4, b: 4, c: 4 }, fresh, 9).callers, "abcabcabc");
});

test("ten runs that come behind a burst of ten thousand are served within the next twenty", () => {
  const { shares } = order({ a: 10_000 }, fresh, 5_000);
  assert.equal(order({ a: 5_000, b: 10 }, shares, 20).callers.split("b").length - 1, 10);
});

test("who was away gets no credit for it, and who was served alone owes nothing", () => {
  const { shares } = order({ a: 1_000 });
  // b never was here: it has a turn, and no thousand.
  assert.equal(order({ a: 9, b: 9 }, shares, 6).callers, "bababa");
  // A caller who comes for one run each time gets one placement each time, not those it has missed.
  const first = order({ a: 50, c: 1 }, shares, 40).shares;
  assert.equal(order({ a: 50, c: 5 }, first, 6).callers, "cacaca");
});

test("the name of a caller cannot be a property that every object has", () => {
  assert.equal(startTag({ virtualTime: 3, finish: {} }, "constructor"), 3);
  assert.equal(served(fresh, "__proto__").virtualTime, 0);
});

test("for any comings and goings: virtual time only grows, and two who both wait are never two placements apart", () => {
  const anyStep = fc.record({ caller: fc.constantFrom("a", "b", "c"), runs: fc.nat(4), placements: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      let shares = fresh;
      const waiting: Record<string, number> = { a: 0, b: 0, c: 0 };
      // Placements of each pair since both of them began to wait.
      const since = new Map<string, Record<string, number>>();
      for (const { caller, runs, placements } of steps) {
        waiting[caller] = (waiting[caller] ?? 0) + runs;
        for (let n = 0; n < placements; n++) {
          const who = Object.keys(waiting).filter((each) => (waiting[each] ?? 0) > 0);
          const [next] = who.toSorted((a, b) => startTag(shares, a) - startTag(shares, b));
          if (next === undefined) break;
          for (const pair of ["ab", "ac", "bc"]) {
            if ([...pair].every((each) => who.includes(each))) since.set(pair, { ...(since.get(pair) ?? {}) });
            else since.delete(pair);
          }
          const before = shares.virtualTime;
          shares = served(shares, next);
          assert.ok(shares.virtualTime >= before);
          waiting[next] = (waiting[next] ?? 0) - 1;
          for (const [pair, counts] of since) {
            if (pair.includes(next)) counts[next] = (counts[next] ?? 0) + 1;
            const [x = 0, y = 0] = [...pair].map((each) => counts[each]);
            assert.ok(Math.abs(x - y) <= 2, `${pair}: ${x} and ${y}`);
          }
        }
      }
    }),
  );
});
