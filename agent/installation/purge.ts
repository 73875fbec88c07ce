// Removing a state directory: what the agent puts there, and the directory itself if nothing else is in it.
//
// 1. Nothing is taken from under a living agent: its lock must be free, and is held while its files go.
// 2. The identity goes last. As long as it is there, a removal that failed can be said again.

import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TryLock } from "../host/host.ts";
import { findIdentity } from "../identity.ts";
import { takeLock } from "../lock.ts";
import { WrongSetting } from "../settings.ts";
import { NotInstalled } from "./installation.ts";

const ours = ["identity.json.new", "agent.log", "agent.log.1", "release.json", "release.json.new", "releases"];

/** The wrong directory said must not cost anybody's files. */
export function requireStateDir(stateDir: string): void {
  if (existsSync(join(stateDir, "identity.json"))) return;
  throw new WrongSetting(`${stateDir} is not an agent's state directory: it has no identity.json`);
}

/** Waits up to `waitMs` for an agent that is ending. */
export async function purge(stateDir: string, lock: TryLock, waitMs: number): Promise<void> {
  requireStateDir(stateDir);
  try {
    if (await removed(stateDir, lock, waitMs)) return;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new NotInstalled(`${stateDir} cannot be removed (${code ?? message}); put that right and say it again`);
  }
  throw new NotInstalled(`${stateDir} is kept: an agent still runs with it; stop that one and say it again`);
}

/** False when an agent lives. */
async function removed(stateDir: string, lock: TryLock, waitMs: number): Promise<boolean> {
  const found = findIdentity(stateDir);
  // An identity that cannot be read names no machine, and the file's own lock says enough.
  const machineId = found.is === "good" ? found.identity.machineId : "";
  const held = await takeLock(lock, { stateDir, machineId }, waitMs, new AbortController().signal);
  if (held === undefined) return false;
  try {
    for (const name of ours) rmSync(join(stateDir, name), { recursive: true, force: true });
  } finally {
    held.release();
  }
  // Windows removes no file that is open, such as a lock that is held.
  for (const name of ["agent.lock", "identity.json"]) rmSync(join(stateDir, name), { force: true });
  if (readdirSync(stateDir).length === 0) rmdirSync(stateDir);
  return true;
}
