// Waiting for the lock that proves that no earlier incarnation lives (`host/host.ts`).

import { setTimeout as sleep } from "node:timers/promises";
import type { TryLock } from "./host/host.ts";

/** Locks for many simulated machines within one process: one holder per state directory. */
export function memoryLocks(): TryLock {
  const taken = new Set<string>();
  return async (stateDir) => {
    if (taken.has(stateDir)) return undefined;
    taken.add(stateDir);
    return { release: () => void taken.delete(stateDir) };
  };
}

/** Waits up to `waitMs` for a dying predecessor to let go. */
export async function takeLock(
  tryLock: TryLock,
  of: { stateDir: string; machineId: string },
  waitMs: number,
  signal: AbortSignal,
) {
  const end = performance.now() + waitMs;
  for (;;) {
    const held = await tryLock(of.stateDir, of.machineId);
    if (held !== undefined || performance.now() >= end || signal.aborted) return held;
    await sleep(50);
  }
}
