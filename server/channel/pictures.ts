// The pictures that commands show, by digest, kept in memory within a budget: they never change.

import type { TenantId } from "../rules/names.ts";
import type { Query } from "../store/database.ts";
import { readFileContent } from "../store/definitions.ts";
import type { Pictures } from "./told.ts";

/** Bytes of pictures held; the oldest goes. */
const heldBytesMax = 32 * 1024 * 1024;

export interface PictureShelf {
  get(tenantId: TenantId, digests: readonly string[]): Promise<Pictures>;
}

export function createPictureShelf(query: Query): PictureShelf {
  const held = new Map<string, Uint8Array>();
  let heldBytes = 0;
  return {
    async get(tenantId, digests) {
      const found = new Map<string, Uint8Array>();
      for (const digest of digests) {
        const key = `${tenantId} ${digest}`;
        const content = held.get(key) ?? (await readFileContent(query, tenantId, digest));
        if (content === undefined) continue;
        found.set(digest, content);
        if (held.has(key)) continue;
        held.set(key, content);
        heldBytes += content.length;
        for (const [oldest, bytes] of held) {
          if (heldBytes <= heldBytesMax) break;
          held.delete(oldest);
          heldBytes -= bytes.length;
        }
      }
      return found;
    },
  };
}
