// Keys of the API, for admins.

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { type Key, KeyService, Scope } from "./gen/drover/v1/key_pb.ts";
import type { ScopeName } from "./names.ts";
import { pages } from "./pages.ts";

/** A key to make. */
export interface KeyWanted {
  /** Who or what it is given to. */
  owner: string;
  /** What it may do; each scope includes the ones before it: CALLER, OPERATOR, ADMIN. */
  scope: ScopeName;
  /** How long it is good for; without it, it does not end. */
  lifetimeMs?: number | undefined;
}

/** The part of the client that deals in keys. */
export function keysOver(transport: Transport) {
  const service = createClient(KeyService, transport);

  return {
    /** Makes a key. The secret is shown this once. */
    async createKey({ owner, scope, lifetimeMs }: KeyWanted): Promise<{ key: Key; secret: string }> {
      const lifetime = lifetimeMs === undefined ? {} : { lifetime: durationFromMs(lifetimeMs) };
      const { key, secret } = await answer(service.createKey({ owner, scope: Scope[scope], ...lifetime }));
      return { key: present(key, "key"), secret };
    },
    /** The keys, without their secrets, newest first. */
    keys(): AsyncGenerator<Key, void, undefined> {
      return pages(async (page) => {
        const { keys: rows, nextPageToken } = await answer(service.listKeys(page));
        return { rows, nextPageToken };
      });
    },
    /** Ends a key at once, its open streams included. May be repeated. */
    async revokeKey(keyId: string): Promise<Key> {
      return present((await answer(service.revokeKey({ keyId }))).key, "key");
    },
  };
}
