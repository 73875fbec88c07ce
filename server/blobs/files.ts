// Blobs as files below one directory, readable by their owner only. A key is a path of plain words; a write goes to a
// temporary name first, so that a reader or a crash never sees half a file.

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobStore } from "./blob-store.ts";

const keyPattern = /^[a-z0-9-]+(\/[a-z0-9-]+)*$/;

export function openFileBlobs(directory: string): BlobStore {
  const pathOf = (key: string): string => {
    if (!keyPattern.test(key)) throw new Error("a blob's key is words of a-z, 0-9 and - joined by /");
    return join(directory, key);
  };
  return {
    async put(key, content) {
      const path = pathOf(key);
      // Once more if somebody deleted the folder just then.
      await write(path, content).catch((error) => (isMissing(error) ? write(path, content) : Promise.reject(error)));
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
    },
    async deleteAll(prefix) {
      await rm(pathOf(prefix), { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function write(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${crypto.randomUUID()}.part`;
  try {
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
