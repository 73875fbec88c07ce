// Compiled things kept for the next time, at most so many: the oldest goes first. Changes no answer, only how fast it is.

import { limits } from "./limits.ts";

export class Kept<Value> {
  readonly #entries = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  put(key: string, value: Value): Value {
    if (this.#entries.size >= limits.cacheEntriesMax) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
    return value;
  }
}
