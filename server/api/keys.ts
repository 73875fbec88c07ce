// KeyService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type KeySchema, type KeyService, Scope } from "@drover/proto/gen/drover/v1/key_pb.ts";
import type { KeyId } from "../rules/names.ts";
import type { KeyView } from "../store/key-reads.ts";
import type { Scope as ScopeName } from "../store/schema/tenancy.ts";
import { principalOf } from "./auth.ts";
import type { KeyDoor } from "./door.ts";
import { accepted } from "./errors.ts";
import { page } from "./pages.ts";
import { timestamp } from "./run-messages.ts";

export const createKeys = (door: KeyDoor): ServiceImpl<typeof KeyService> => ({
  async createKey({ owner, scope: wanted, lifetime }, context) {
    const scope = scopeNames.find((name) => scopeNumbers[name] === wanted);
    // The rules of key.proto let no other number through.
    if (scope === undefined) throw new Error(`scope ${wanted} is none`);
    const life = lifetime === undefined ? {} : { lifetimeMs: Math.ceil(durationMs(lifetime)) || 1 };
    const { key, secret } = accepted(await door.create(principalOf(context).tenant, { owner, scope, ...life }));
    return { key: keyMessage(key), secret };
  },

  async listKeys(request, context) {
    const { tenant } = principalOf(context);
    const { rows, nextPageToken } = await page("keys", request, "id", (before, limit) =>
      door.list(tenant, before, limit),
    );
    return { keys: rows.map(keyMessage), nextPageToken };
  },

  async revokeKey({ keyId }, context) {
    const revoked = await door.revoke(principalOf(context).tenant, keyId.toLowerCase() as KeyId);
    return { key: keyMessage(accepted(revoked)) };
  },
});

const scopeNumbers = {
  caller: Scope.CALLER,
  operator: Scope.OPERATOR,
  admin: Scope.ADMIN,
} as const satisfies Record<ScopeName, Scope>;
const scopeNames = Object.keys(scopeNumbers) as ScopeName[];

const keyMessage = (key: KeyView): MessageInitShape<typeof KeySchema> => ({
  id: key.id,
  owner: key.owner,
  scope: scopeNumbers[key.scope],
  createdAt: timestamp(key.createdAt),
  expiresAt: timestamp(key.expiresAt),
  revoked: key.revokedAt !== null,
});
