// What is to be told of a transaction once it is committed: not before, and not at all if it is rolled back.

import type { Tx } from "./database.ts";

const waiting = new WeakMap<Tx, (() => void)[]>();

/** `tell` is called after the commit of a transaction of `openStore`. It must not throw. */
export function afterCommit(tx: Tx, tell: () => void): void {
  const others = waiting.get(tx);
  if (others === undefined) waiting.set(tx, [tell]);
  else others.push(tell);
}

/** For who has committed it. */
export function tellCommitted(tx: Tx): void {
  for (const tell of waiting.get(tx) ?? []) tell();
  waiting.delete(tx);
}
