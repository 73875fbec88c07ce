// A file that is kept from one build for the next, because it takes long to make. Its SHA-256 stands before it: one that was
// changed or cut off since is made anew, and never gets into a release.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const digestBytes = 32;

/** The content that is kept in `file`; without a good one, what `make` makes, which is kept then. */
export async function kept(file: string, make: () => Promise<Buffer>): Promise<Buffer> {
  const found = contentOf(file);
  if (found !== undefined) return found;
  const content = await make();
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, Buffer.concat([digestOf(content), content]));
    // Whoever looks meanwhile sees the old file or the new one.
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return content;
}

function contentOf(file: string): Buffer | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const content = bytes.subarray(digestBytes);
  return digestOf(content).equals(bytes.subarray(0, digestBytes)) ? content : undefined;
}

const digestOf = (content: Buffer): Buffer => createHash("sha256").update(content).digest();
