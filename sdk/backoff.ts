// How long to wait before another try, and the wait itself, which an abort ends.

import type { ClientLimits } from "./limits.ts";

/** Full jitter: anywhere between the shortest wait and a ceiling that doubles with each failure in a row. */
export function backoffMs(failures: number, limits: ClientLimits, random: () => number = Math.random): number {
  const ceiling = Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** Math.min(failures, 20));
  return limits.backoffMinMs + random() * Math.max(0, ceiling - limits.backoffMinMs);
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
