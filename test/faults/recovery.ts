// How long it took until all was well again: a line for each fault.

import type { TestContext } from "node:test";

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
