// The files of releases in the state directory: `releases/<version>/drover-agent[.exe]`, side by side, because Windows
// replaces no program that runs. A release appears under its own name only when it is whole and on the disk.
//
// The agent process writes these files, its supervisor only reads them; `release.json` is the other way round.

import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Release } from "./release.ts";

const windows = process.platform === "win32";
/** What Windows says while a virus scanner has a new file open, and how long that may take. */
const HELD = new Set(["EBUSY", "EPERM", "EACCES"]);
const HELD_MS = 5000;

export const releasePath = (stateDir: string, version: string): string =>
  join(stateDir, "releases", version, windows ? "drover-agent.exe" : "drover-agent");

/** What has come of it so far, while it is downloaded. */
export const partialPath = (stateDir: string, version: string): string => `${releasePath(stateDir, version)}.partial`;

export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Makes the folder of a release, so that it stays after a power cut. */
export function makeReleaseFolder(stateDir: string, version: string): void {
  const releases = join(stateDir, "releases");
  mkdirSync(join(releases, version), { recursive: true, mode: 0o700 });
  syncFolder(releases);
  syncFolder(stateDir);
}

/** Whether a file is this release, to the last bit. */
export async function isRelease(path: string, { sizeBytes, sha256 }: Release): Promise<boolean> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size !== sizeBytes) return false;
  const digest = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), digest);
  return digest.digest("hex") === sha256;
}

/** Gives a download that was found good its name. */
export async function finish(stateDir: string, version: string, rename = renameSync): Promise<void> {
  const [partial, path] = [partialPath(stateDir, version), releasePath(stateDir, version)];
  const file = openSync(partial, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(partial, 0o700);
  for (const end = performance.now() + HELD_MS; ; await sleep(50)) {
    try {
      rename(partial, path);
      break;
    } catch (error) {
      if (!HELD.has((error as NodeJS.ErrnoException).code ?? "") || performance.now() > end) throw error;
    }
  }
  syncFolder(join(path, ".."));
}

/** Removes all releases but these. One that still runs, or is looked at by a virus scanner, stays until the next time. */
export function keepOnly(stateDir: string, versions: ReadonlySet<string>): void {
  const releases = join(stateDir, "releases");
  for (const version of releasesIn(releases).filter((name) => !versions.has(name))) {
    try {
      rmSync(join(releases, version), { recursive: true, force: true });
    } catch {
      // See above.
    }
  }
}

function releasesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there yet, or not a folder that can be read: whoever writes to it is told what is wrong with it.
    return [];
  }
}

export function freeBytes(stateDir: string): number {
  const { bavail, bsize } = statfsSync(stateDir);
  return bavail * bsize;
}

/** Makes what a folder lists survive a power cut. Windows has no such call, and orders it by itself. */
export function syncFolder(path: string): void {
  if (windows) return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
