// How long it took until all was well again: a line for each fault.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";

/** Tells it, and fails if it was ever longer. */
export function recoversWithin(t: TestContext, longestMs: number, name: string, ...timesMs: readonly number[]): void {
  tellRecovery(t, name, ...timesMs);
  assert.ok(Math.max(...timesMs) <= longestMs, `${name}: longer than ${longestMs} ms`);
}

export function tellRecovery(t: TestContext, name: string, ...timesMs: readonly number[]): void {
  const sorted = timesMs.toSorted((a, b) => a - b).map(Math.round);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  const one = sorted.length === 1;
  t.diagnostic(
    one
      ? `recovery: ${name} ${sorted[0]} ms`
      : `recovery: ${name} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${sorted.at(-1)} ms of ${sorted.length}`,
  );
}
