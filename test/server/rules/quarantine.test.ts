// Machines on which everything fails are passed over for a while: by example, and what holds for any history.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { agentFailures, controlFailures } from "../../../server/rules/failure.ts";
import { limits } from "../../../server/rules/limits.ts";
import {
  afterFailure,
  afterSuccess,
  blamesMachine,
  quarantinesMax,
  type Reliability,
  reliable,
} from "../../../server/rules/quarantine.ts";

const now = 1_000_000;
const failed = (times: number, from: Reliability = reliable): Reliability =>
  times === 0 ? from : failed(times - 1, afterFailure(from, true, now));
const lengthOf = ({ quarantinedUntil }: Reliability) => (quarantinedUntil === undefined ? 0 : quarantinedUntil - now);

test("the third failure in a row quarantines, two do not, and a success in between starts the count again", () => {
  assert.equal(limits.quarantineAfter, 3);
  assert.equal(lengthOf(failed(2)), 0);
  assert.equal(lengthOf(failed(3)), limits.quarantineMs);
  assert.equal(lengthOf(failed(2, afterSuccess(failed(2)))), 0);
});

test("a probe that fails quarantines at once, for twice as long each time, up to the longest", () => {
  const lengths = Array.from({ length: 9 }, (_, n) => lengthOf(failed(3 + n)));
  assert.deepEqual(
    lengths,
    lengths.map((_, n) => Math.min(limits.quarantineMs * 2 ** n, limits.quarantineMaxMs)),
  );
  assert.equal(lengths.at(-1), limits.quarantineMaxMs);
  assert.equal(lengthOf(failed(5_000)), limits.quarantineMaxMs);
});

test("a probe that succeeds makes the machine a normal one, which is remembered to have failed for a while", () => {
  const { failureRate, ...rest } = afterSuccess(failed(7));
  const { failureRate: _, ...normal } = reliable;
  assert.deepEqual(rest, normal);
  assert.ok(failureRate > 0.5);
  assert.equal(lengthOf(failed(3, { ...rest, failureRate })), limits.quarantineMs);
});

test("while too many are, it is counted but not quarantined, and is as soon as one may be", () => {
  const held = Array.from({ length: 5 }).reduce<Reliability>((before) => afterFailure(before, false, now), reliable);
  assert.deepEqual([held.failuresInARow, held.quarantines, held.quarantinedUntil], [5, 0, undefined]);
  assert.equal(lengthOf(afterFailure(held, true, now)), limits.quarantineMs);
});

test("a quarter of a pool may be quarantined, one of two or three, and never the only one", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 7, 8, 100, 500].map(quarantinesMax), [0, 0, 1, 1, 1, 1, 2, 25, 125]);
});

test("operators, mistakes of the workflow and what has a back-off of its own say nothing of the machine", () => {
  const blameless = [...agentFailures, ...controlFailures].filter((category) => !blamesMachine(category));
  assert.deepEqual(
    blameless.toSorted(),
    ["CANCELLED", "DRAINED", "EXPRESSION_ERROR", "FORCE_RELEASED", "NOT_READY", "OUTPUT_INVALID"].toSorted(),
  );
});

test("for any history the rate is between 0 and 1, grows by a failure and shrinks by a success", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.boolean(), (history, mayQuarantine) => {
      let machine = reliable;
      for (const succeeded of history) {
        const next = succeeded ? afterSuccess(machine) : afterFailure(machine, mayQuarantine, now);
        assert.ok(next.failureRate >= 0 && next.failureRate <= 1);
        assert.ok(succeeded ? next.failureRate <= machine.failureRate : next.failureRate > machine.failureRate);
        assert.ok(mayQuarantine || next.quarantinedUntil === undefined);
        assert.ok(lengthOf(next) <= limits.quarantineMaxMs);
        machine = next;
      }
    }),
  );
});
