// Gets a release onto the disk: downloads what is missing of it, and looks at what came. What an agent would refuse anyway
// is not downloaded at all (`release.ts`).
//
// 1. A release has its own name only if all of it is on the disk and is what was signed: a crash at any point leaves a
//    part that is gone on with, or thrown away.
// 2. A part that was gone on with and turns out wrong is downloaded once more from its beginning: a crash may have left
//    zeros in it.

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { DownloadEnd } from "../connection/release-download.ts";
import type { OfferedRelease } from "./release.ts";
import {
  finish,
  freeBytes,
  isRelease,
  makeReleaseFolder,
  partialPath,
  releasePath,
  sizeOf,
} from "./releases-on-disk.ts";

export type Preparation =
  | { readonly is: "prepared" }
  | { readonly is: "failed"; readonly fault: "DOWNLOAD" | "DIGEST" | "DISK"; readonly because: string }
  /** The signal ended it. */
  | { readonly is: "stopped" };

/** Where a crash might happen; for tests that let it happen there. */
export type PreparationPoint = "folder made" | "piece written" | "all there" | "found good" | "named";

export interface PreparationOptions {
  readonly stateDir: string;
  readonly release: OfferedRelease;
  readonly download: (offset: number, take: (data: Uint8Array) => void) => Promise<DownloadEnd>;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly pauses?: DownloadPauses;
  readonly reached?: (point: PreparationPoint) => void;
}

/** How long to wait before a download is begun again. */
export interface DownloadPauses {
  /** After the first of several in vain; doubled with each one, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** While as many agents download as may at once. */
  readonly busyMs: number;
  /** After one that has failed, while the release is still wanted. */
  readonly failedMs: number;
}

export const DOWNLOAD_PAUSES: DownloadPauses = { firstMs: 1000, longestMs: 60_000, busyMs: 5000, failedMs: 60_000 };
/** So many in a row that brought nothing are enough; some four minutes. Being one too many is none of them. */
const VAIN_MAX = 12;
/** Left free on the disk, for everything else. */
const SPARE_BYTES = 64 * 1024 * 1024;
/** What another try may mend. */
const PASSING = new Set(["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNKNOWN"]);

/** Resolves when the release is there, or why it cannot be. */
export async function prepare(options: PreparationOptions): Promise<Preparation> {
  try {
    return await prepareOnDisk(options);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    if (code === "ENOSPC" || code === "EDQUOT") discardPart(options);
    return { is: "failed", fault: "DISK", because: `${syscall}: ${code}` };
  }
}

async function prepareOnDisk(options: PreparationOptions): Promise<Preparation> {
  const { stateDir, release, reached = () => {} } = options;
  const [path, partial] = [releasePath(stateDir, release.version), partialPath(stateDir, release.version)];
  if (await isRelease(path, release)) return { is: "prepared" };
  makeReleaseFolder(stateDir, release.version);
  reached("folder made");
  if (sizeOf(partial) > release.sizeBytes) rmSync(partial);
  if (freeBytes(stateDir) < release.sizeBytes - sizeOf(partial) + SPARE_BYTES) {
    discardPart(options);
    return { is: "failed", fault: "DISK", because: "there is too little room for it" };
  }
  for (;;) {
    const goneOnWith = sizeOf(partial) > 0;
    const failed = await fetchRest(options, partial);
    if (failed !== undefined) return failed;
    reached("all there");
    if (await isRelease(partial, release)) break;
    rmSync(partial, { force: true });
    if (!goneOnWith) return { is: "failed", fault: "DIGEST", because: "it is not what was named" };
  }
  reached("found good");
  await finish(stateDir, release.version);
  reached("named");
  return { is: "prepared" };
}

/** A full disk is needed by others, more than by a part that cannot be gone on with. */
function discardPart({ stateDir, release }: PreparationOptions): void {
  try {
    rmSync(partialPath(stateDir, release.version), { force: true });
  } catch {
    // It is held, or not to be changed: it stays.
  }
}

/** Downloads until there is nothing more to come; undefined if all went well. */
async function fetchRest(options: PreparationOptions, partial: string): Promise<Preparation | undefined> {
  const { release, download, signal, random, pauses = DOWNLOAD_PAUSES, reached = () => {} } = options;
  for (let vain = 0; sizeOf(partial) < release.sizeBytes; ) {
    const before = sizeOf(partial);
    const file = openSync(partial, "a", 0o600);
    let end: DownloadEnd;
    try {
      let missing = release.sizeBytes - before;
      end = await download(before, (data) => {
        missing -= data.length;
        // Whatever it is, it is not the release; one byte more shows it when the digest is taken.
        writeAll(file, missing < 0 ? data.subarray(0, data.length + missing + 1) : data);
        if (missing < 0) throw new TooLong();
        reached("piece written");
      });
    } catch (error) {
      if (error instanceof TooLong) return undefined;
      throw error;
    } finally {
      closeSync(file);
    }
    if (signal.aborted) return { is: "stopped" };
    if (end.was === "complete") return undefined;
    const busy = end.code === "RESOURCE_EXHAUSTED";
    if (!busy && !PASSING.has(end.code)) return { is: "failed", fault: "DOWNLOAD", because: end.code };
    if (sizeOf(partial) > before) vain = 0;
    else if (!busy && ++vain >= VAIN_MAX) return { is: "failed", fault: "DOWNLOAD", because: end.code };
    const longestMs = Math.min(pauses.longestMs, pauses.firstMs * 2 ** vain);
    const pauseMs = busy ? pauses.busyMs * (0.5 + random()) : longestMs * random();
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return { is: "stopped" };
  }
  return undefined;
}

/** More came than was named. */
class TooLong extends Error {}

function writeAll(file: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) at += writeSync(file, data, at);
}
