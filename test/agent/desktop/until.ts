// Waiting for a value: polls until it is there, and fails with what was waited for.

import { AssertionError } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";

export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await pause(10)) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
  }
  throw new AssertionError({ message: `waited in vain until ${what}` });
}
