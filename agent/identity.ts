// Who this machine is: its id and its key, in one file of the state directory that only the agent's user can use.

import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { thisHost } from "./host/this-host.ts";
import { WrongSetting } from "./settings.ts";

export interface Identity {
  readonly machineId: string;
  readonly machineKey: string;
}

const fileIn = (stateDir: string) => join(stateDir, "identity.json");

/** Writes the identity so that a crash leaves the old file or the new one. */
export function saveIdentity(stateDir: string, identity: Identity): void {
  makeFolder(resolve(stateDir));
  renameSync(writtenAside(stateDir, identity), fileIn(stateDir));
}

/** As long as a real one. */
const SAMPLE: Identity = { machineId: "0".repeat(36), machineKey: "0".repeat(64) };

/** Refuses a directory that could not keep a new identity, by doing all that is needed to keep one but the last step. */
export function requireRoomForIdentity(stateDir: string): void {
  try {
    makeFolder(resolve(stateDir));
    if (hasIdentity(stateDir)) throw new WrongSetting(`${stateDir} already holds a machine's identity`);
    rmSync(writtenAside(stateDir, SAMPLE));
  } catch (error) {
    if (error instanceof WrongSetting) throw error;
    throw new WrongSetting(`${stateDir} cannot keep this machine's identity: ${(error as Error).message}`);
  }
}

/** The complete file, under another name. */
function writtenAside(stateDir: string, { machineId, machineKey }: Identity): string {
  const { field, protect } = thisHost.keyProtection;
  const content = `${JSON.stringify({ machineId, [field]: protect(machineKey) })}\n`;
  const temporary = `${fileIn(stateDir)}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    chmodSync(temporary, 0o600);
    writeSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** Node's own way to make the folders above as well never ends where none can be made, as in /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  mkdirSync(path, { mode: 0o700 });
}

export function hasIdentity(stateDir: string): boolean {
  return statSync(fileIn(stateDir), { throwIfNoEntry: false }) !== undefined;
}

/** Why an identity cannot be used. */
export type IdentityFault = "missing" | "shown" | "unreadable" | "damaged" | "foreign";

export type IdentityFound =
  | { readonly is: "good"; readonly identity: Identity }
  | { readonly is: IdentityFault; readonly file: string };

/** What is wrong, said of the file, and what to do about it. */
export const identityFaults: Readonly<Record<IdentityFault, { readonly what: string; readonly remedy: string }>> = {
  missing: { what: "does not exist", remedy: "enrol this machine first" },
  shown: {
    what: "can be read by other users",
    remedy: "make it 0600, and revoke the key if they should not have it",
  },
  unreadable: { what: "cannot be read by this user", remedy: "run the agent as the user who enrolled this machine" },
  damaged: { what: "is damaged", remedy: "remove it and enrol this machine again" },
  foreign: {
    what: "cannot be used here: its key is damaged, or was protected for another user or on another machine",
    remedy: "run the agent as the user who enrolled it, or remove the file and enrol this machine again",
  },
};

/** Reads the identity; refuses a file that others can read, because its key may be known to them. */
export function findIdentity(stateDir: string): IdentityFound {
  const file = fileIn(stateDir);
  const { field, reveal, shownByMode } = thisHost.keyProtection;
  let text: string;
  try {
    if (shownByMode(statSync(file).mode)) return { is: "shown", file };
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { is: (error as NodeJS.ErrnoException).code === "ENOENT" ? "missing" : "unreadable", file };
  }
  const { machineId, [field]: kept } = contentOf(text);
  if (typeof machineId !== "string" || typeof kept !== "string") return { is: "damaged", file };
  const machineKey = reveal(kept);
  return machineKey === undefined ? { is: "foreign", file } : { is: "good", identity: { machineId, machineKey } };
}

/** The identity, or a `WrongSetting` that says what to do. */
export function loadIdentity(stateDir: string): Identity {
  const found = findIdentity(stateDir);
  if (found.is === "good") return found.identity;
  const { what, remedy } = identityFaults[found.is];
  throw new WrongSetting(`${found.file} ${what}: ${remedy}`);
}

/** Without an error's own words, which may be the file's content. */
function contentOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
