// Who this machine is: its id and its key, in one file of the state directory that only the agent's user can read.

import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { WrongSetting } from "./settings.ts";

export interface Identity {
  readonly machineId: string;
  readonly machineKey: string;
}

const fileIn = (stateDir: string) => join(stateDir, "identity.json");

/** Writes the identity so that a crash leaves the old file or the new one. */
export function saveIdentity(stateDir: string, identity: Identity): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const temporary = `${fileIn(stateDir)}.new`;
  const file = openSync(temporary, "w", 0o600);
  chmodSync(temporary, 0o600);
  writeSync(file, `${JSON.stringify(identity)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, fileIn(stateDir));
}

export function hasIdentity(stateDir: string): boolean {
  return statSync(fileIn(stateDir), { throwIfNoEntry: false }) !== undefined;
}

/** Reads the identity; refuses a file that others can read, because its key may be known to them. */
export function loadIdentity(stateDir: string): Identity {
  const path = fileIn(stateDir);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new WrongSetting(`${path} does not exist: enrol this machine first`);
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    throw new WrongSetting(
      `${path} can be read by other users: make it 0600, and revoke the key if they should not have it`,
    );
  }
  try {
    const { machineId, machineKey } = JSON.parse(readFileSync(path, "utf8")) as Partial<Identity>;
    if (typeof machineId === "string" && typeof machineKey === "string") return { machineId, machineKey };
  } catch {
    // The message below says it without the file's content, which holds the key.
  }
  throw new WrongSetting(`${path} is damaged: enrol this machine again`);
}
