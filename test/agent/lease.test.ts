import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaseClock } from "../../agent/lease.ts";

const at = (ms: number) => ({ bootMs: ms, monotonicMs: ms, wallMs: 1e12 + ms });

/** A clock of 10 s with a beat sent at 1 s and acknowledged. */
function acked(): LeaseClock {
  const lease = new LeaseClock();
  lease.tick(at(0));
  lease.streamBegan(10_000, 250);
  lease.beatSent(1n, at(1000));
  tickUntil(lease, 0, 1200);
  lease.beatAcked(1n);
  return lease;
}

function tickUntil(lease: LeaseClock, fromMs: number, toMs: number): void {
  for (let ms = fromMs; ms <= toMs; ms += 250) lease.tick(at(ms));
}

test("nothing may be injected before the first acknowledgement of a stream", () => {
  const lease = new LeaseClock();
  lease.streamBegan(10_000, 250);
  lease.beatSent(1n, at(0));
  assert.equal(lease.mayInject(at(1)), false);
  lease.beatAcked(1n);
  assert.equal(lease.mayInject(at(1)), true);
});

test("the end counts from the send time of the newest acknowledged beat, not from the acknowledgement", () => {
  const lease = acked();
  tickUntil(lease, 1000, 10_900);
  assert.equal(lease.mayInject(at(10_999)), true);
  assert.equal(lease.mayInject(at(11_000)), false);
});

test("an acknowledgement of an older beat does not shorten the clock, one of an unknown beat does nothing", () => {
  const lease = acked();
  lease.beatSent(2n, at(1000.5));
  lease.beatSent(3n, at(1001));
  lease.beatAcked(3n);
  assert.equal(lease.beatAcked(2n), false);
  assert.equal(lease.beatAcked(9n), false);
  tickUntil(lease, 1000, 10_900);
  assert.equal(lease.mayInject(at(11_000.5)), true);
});

test("a new stream starts without permission although the old clock had not run out", () => {
  const lease = acked();
  lease.streamBegan(10_000, 250);
  assert.equal(lease.mayInject(at(1300)), false);
});

test("a late tick voids the lease until a beat that was sent later is acknowledged", () => {
  const lease = acked();
  lease.beatSent(2n, at(1200));
  assert.equal(lease.tick(at(2600)), true);
  assert.equal(lease.mayInject(at(2601)), false);
  lease.beatAcked(2n);
  assert.equal(lease.mayInject(at(2602)), false, "that beat was sent before the pause");
  lease.beatSent(3n, at(2603));
  lease.beatAcked(3n);
  assert.equal(lease.mayInject(at(2604)), true);
});

test("an input call that runs before the late tick finds the pause by itself", () => {
  const lease = acked();
  assert.equal(lease.mayInject(at(1250)), true);
  assert.equal(lease.mayInject(at(3000)), false);
});

test("clocks that disagree void the lease", () => {
  const suspended = acked();
  assert.equal(suspended.mayInject({ bootMs: 1300, monotonicMs: 100, wallMs: 1e12 + 1300 }), false);
  const stunned = acked();
  assert.equal(stunned.mayInject({ bootMs: 1300, monotonicMs: 1300, wallMs: 1e12 + 60_000 }), false);
});
