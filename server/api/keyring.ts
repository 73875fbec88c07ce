// What this replica knows of keys, and the streams that are open under each.
//
// 1. What it knows is at most `keyAgeMs` old, and nothing is known any more after a wake-up on `keys`.
// 2. A stream ends once its key is revoked or has expired: at the wake-up or at the next look, each `keyAgeMs`. While the
//    database is away nothing can be said of a key: open streams stay (they have nothing to tell), new calls are refused.
// 3. Only keys that are good are remembered: guesses cost a query each and no memory.

import { createHash } from "node:crypto";
import type { Instant, KeyId, TenantId } from "../rules/names.ts";
import type { Scope } from "../store/schema/tenancy.ts";
import { apiLimits } from "./limits.ts";

/** Who calls. */
export interface Principal {
  readonly tenant: TenantId;
  readonly keyId: KeyId;
  readonly scope: Scope;
  readonly owner: string;
  readonly expiresAt?: Instant | undefined;
}

/** The key with this SHA-256, if it is neither revoked nor expired on the database's clock. */
export type Authenticate = (hash: Uint8Array) => Promise<Principal | undefined>;

/** Wakes whoever waits on a topic. A hint: it may be lost or come twice. */
export interface Wakeup {
  subscribe(topic: string, wake: () => void): () => void;
}

export interface Keyring {
  principalOf(secret: string): Promise<Principal | undefined>;
  /** Calls `end` once if the key ends; returns how to let go. */
  hold(secret: string, end: () => void): () => void;
  stop(): void;
}

interface Known {
  readonly at: number;
  readonly principal: Promise<Principal | undefined>;
}

export const hashOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export function createKeyring(authenticate: Authenticate, wakeup: Wakeup): Keyring {
  // By hash: the secrets themselves are not kept.
  const known = new Map<string, Known>();
  const held = new Map<string, Set<() => void>>();

  function look(hash: Buffer): Promise<Principal | undefined> {
    const id = hash.toString("hex");
    const before = known.get(id);
    if (before !== undefined && performance.now() - before.at < apiLimits.keyAgeMs) return before.principal;
    if (known.size >= apiLimits.keysRemembered) known.clear();
    const entry = { at: performance.now(), principal: authenticate(hash) };
    known.set(id, entry);
    const forget = () => {
      if (known.get(id) === entry) known.delete(id);
    };
    entry.principal.then((principal) => principal ?? forget(), forget);
    return entry.principal;
  }

  async function recheck(id: string) {
    const principal = await look(Buffer.from(id, "hex")).catch(() => "unknown" as const);
    if (principal !== undefined) return;
    const ends = held.get(id) ?? [];
    held.delete(id);
    for (const end of ends) end();
  }

  function recheckAll() {
    for (const id of held.keys()) void recheck(id);
  }

  const unsubscribe = wakeup.subscribe("keys", () => {
    known.clear();
    recheckAll();
  });
  const timer = setInterval(recheckAll, apiLimits.keyAgeMs);
  timer.unref();

  return {
    principalOf: (secret) => look(hashOf(secret)),
    hold(secret, end) {
      const id = hashOf(secret).toString("hex");
      const ends = held.get(id) ?? new Set();
      held.set(id, ends.add(end));
      return () => {
        ends.delete(end);
        if (ends.size === 0 && held.get(id) === ends) held.delete(id);
      };
    },
    stop() {
      clearInterval(timer);
      unsubscribe();
    },
  };
}
