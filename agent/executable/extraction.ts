// Files of an executable that the system will only load from a disk: they are written to a folder that belongs to the
// user, under a name that tells their content.
//
// 1. What is loaded is what is in the executable: a file that is there already is compared with it, byte by byte.
// 2. The folder belongs to the user and nobody else can write to it; where that is not so, nothing is loaded.
// 3. A file appears whole (it is renamed when it is complete), because several agents may start at once.

import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { assetBytes } from "./assets.ts";

/** What to do where this folder cannot be had, or the system loads nothing from it. */
export const CACHE_REMEDY =
  process.platform === "win32"
    ? "make %LOCALAPPDATA% a folder that this user can write to, with some MB free"
    : "let XDG_CACHE_HOME name a folder of this user, with some MB free, on a disk that is not mounted noexec";

/** The path of a folder with these assets, under their own names. */
export function extracted(...names: readonly string[]): string {
  const assets = names.map((name) => ({ name, bytes: assetBytes(name) }));
  const digest = createHash("sha256");
  for (const { name, bytes } of assets) digest.update(`${name} ${bytes.length}\n`).update(bytes);
  const folder = join(cacheFolder(), digest.digest("hex").slice(0, 32));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requireOwn(folder);
  for (const { name, bytes } of assets) placeFile(folder, name, bytes);
  return folder;
}

/** Makes `name` in `folder` have these bytes. */
export function placeFile(folder: string, name: string, bytes: Buffer): void {
  const path = join(folder, name);
  if (hasBytes(path, bytes)) return;
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, bytes, { mode: 0o600 });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    // Windows replaces no file that is in use; another agent may have put the same file there a moment ago.
    if (!hasBytes(path, bytes)) throw error;
  }
}

function hasBytes(path: string, bytes: Buffer): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size === bytes.length && readFileSync(path).equals(bytes);
}

function cacheFolder(): string {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === "win32") return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "drover-agent");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "drover-agent");
}

/** On Windows a user's own folders are closed to other users by what they inherit. */
function requireOwn(folder: string): void {
  if (process.platform === "win32") return;
  for (const path of [join(folder, ".."), folder]) {
    const { uid, mode } = statSync(path);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      throw new Error(`${path} can be written to by other users: remove it`);
    }
  }
}
