// Keys of the API: made, revoked, and the first one of a new installation.

import { v7 as uuid } from "uuid";
import type { Instant, KeyId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { readNow } from "../store/database.ts";
import type { Scope } from "../store/schema/tenancy.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { newSecret, secretHash } from "./enrolling.ts";

export interface Key {
  readonly id: KeyId;
  readonly owner: string;
  readonly scope: Scope;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly revokedAt: Instant | null;
}

export async function createKey(
  context: Pick<EngineContext, "database">,
  tenantId: TenantId,
  wanted: { readonly owner: string; readonly scope: Scope; readonly lifetimeMs?: number },
): Promise<{ key: Key; secret: string }> {
  const { sql } = context.database;
  const secret = newSecret("key");
  const now = await readNow(sql);
  const key: Key = {
    id: uuid() as KeyId,
    owner: wanted.owner,
    scope: wanted.scope,
    createdAt: now,
    expiresAt: wanted.lifetimeMs === undefined ? null : now + wanted.lifetimeMs,
    revokedAt: null,
  };
  await sql`
    insert into keys (id, tenant_id, owner, scope, secret_hash, created_at, expires_at)
    values (${key.id}, ${tenantId}, ${key.owner}, ${key.scope}, ${secretHash(secret)}, ${key.createdAt}::timestamptz,
      ${key.expiresAt}::timestamptz)`;
  return { key, secret };
}

export async function revokeKey(context: EngineContext, tenantId: TenantId, id: KeyId): Promise<Answer<Key>> {
  const { sql } = context.database;
  const now = await readNow(sql);
  const [row] = await sql<Key[]>`
    update keys set revoked_at = coalesce(revoked_at, ${now}::timestamptz)
    where id = ${id} and tenant_id = ${tenantId}
    returning id, owner, scope, created_at, expires_at, revoked_at`;
  if (row === undefined) return refuse("KEY_NOT_FOUND", "There is no such key.");
  context.wakeup.publish([topics.keys]);
  return accept(row);
}

/** Makes the tenant `default` and its first admin key; undefined when there is a key already. */
export async function firstAdminKey(context: Pick<EngineContext, "database">): Promise<string | undefined> {
  return await context.database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(7243190119)`;
    const now = await readNow(tx);
    await tx`insert into tenants (id, name, created_at) values (${uuid()}, 'default', ${now}::timestamptz)
      on conflict (name) do nothing`;
    const [any] = await tx`select 1 from keys limit 1`;
    if (any !== undefined) return undefined;
    const [tenant] = await tx<{ id: TenantId }[]>`select id from tenants where name = 'default'`;
    if (tenant === undefined) throw new Error("the tenant that was just made is not there");
    const secret = newSecret("key");
    await tx`insert into keys (id, tenant_id, owner, scope, secret_hash, created_at)
      values (${uuid()}, ${tenant.id}, 'first admin', 'admin', ${secretHash(secret)}, ${now}::timestamptz)`;
    return secret;
  });
}
