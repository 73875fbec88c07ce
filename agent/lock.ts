// The machine's exclusive lock: proof that no earlier incarnation of this boot is alive. The kernel holds it for the
// life of an open file, so that a killed agent lets go of it at once and a living one cannot lose it.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";

/** Takes the lock of a state directory. `undefined` when another process has it. */
export type TryLock = (stateDir: string) => { release(): void } | undefined;

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2) on `agent.lock`. Node opens files close-on-exec, so no program that the agent starts inherits the lock. */
export function fileLock(): TryLock {
  const flock = koffi.load("libc.so.6").func("flock", "int", ["int", "int"]);
  return (stateDir) => {
    const file = openSync(join(stateDir, "agent.lock"), "a", 0o600);
    if (flock(file, LOCK_EX | LOCK_NB) === 0) return { release: () => closeSync(file) };
    closeSync(file);
    return undefined;
  };
}

/** Locks for many simulated machines within one process, with the same rule: one holder per state directory. */
export function memoryLocks(): TryLock {
  const taken = new Set<string>();
  return (stateDir) => {
    if (taken.has(stateDir)) return undefined;
    taken.add(stateDir);
    return { release: () => void taken.delete(stateDir) };
  };
}

/** Waits up to `waitMs` for a dying predecessor to let go. */
export async function takeLock(tryLock: TryLock, stateDir: string, waitMs: number, signal: AbortSignal) {
  const end = performance.now() + waitMs;
  for (;;) {
    const held = tryLock(stateDir);
    if (held !== undefined || performance.now() >= end || signal.aborted) return held;
    await sleep(50);
  }
}
