// What product code has instead of `node:timers/promises` in a simulation.

import { clear, startImmediate, startTimeout } from "./product-time.ts";

function pause<T>(ms?: number, value?: T, options: { readonly signal?: AbortSignal } = {}): Promise<T | undefined> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clear(timer);
      reject(new DOMException("The operation was aborted", "AbortError"));
    };
    const timer = startTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve(value);
    }, ms);
    if (signal?.aborted) aborted();
    else signal?.addEventListener("abort", aborted, { once: true });
  });
}

const turn = <T>(value?: T) => new Promise<T | undefined>((resolve) => startImmediate(() => resolve(value)));

export { pause as setTimeout, turn as setImmediate };
