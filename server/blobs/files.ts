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
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${crypto.randomUUID()}.part`;
      try {
        await writeFile(temporary, content, { mode: 0o600 });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
    },
  };
}
