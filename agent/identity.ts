// Who this machine is: its id and its key, in one file of the state directory that only the agent's user can use.

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
import { thisHost } from "./host/this-host.ts";
import { WrongSetting } from "./settings.ts";

export interface Identity {
  readonly machineId: string;
  readonly machineKey: string;
}

const fileIn = (stateDir: string) => join(stateDir, "identity.json");

/** Writes the identity so that a crash leaves the old file or the new one. */
export function saveIdentity(stateDir: string, { machineId, machineKey }: Identity): void {
  const { field, protect } = thisHost.keyProtection;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const temporary = `${fileIn(stateDir)}.new`;
  const file = openSync(temporary, "w", 0o600);
  chmodSync(temporary, 0o600);
  writeSync(file, `${JSON.stringify({ machineId, [field]: protect(machineKey) })}\n`);
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
  const { field, reveal, shownByMode } = thisHost.keyProtection;
  if (shownByMode(found.mode)) {
    throw new WrongSetting(
      `${path} can be read by other users: make it 0600, and revoke the key if they should not have it`,
    );
  }
  const { machineId, [field]: kept } = contentOf(path);
  if (typeof machineId !== "string" || typeof kept !== "string") {
    throw new WrongSetting(`${path} is damaged: enrol this machine again`);
  }
  const machineKey = reveal(kept);
  if (machineKey !== undefined) return { machineId, machineKey };
  throw new WrongSetting(
    `${path} cannot be used here: its key is damaged, or was protected for another user or on another machine. ` +
      "Run the agent as the user who enrolled it, or remove the file and enrol this machine again",
  );
}

/** Without an error's own words, which may be the file's content. */
function contentOf(path: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
