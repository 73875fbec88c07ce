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
  const answer = await context.database.sql.begin(async (tx): Promise<Answer<Key>> => {
    // One at a time in a tenant: two admins that revoke each other must not leave none.
    await tx`select 1 from tenants where id = ${tenantId} for no key update`;
    const now = await readNow(tx);
    const [others] = await tx`
      select 1 from keys where tenant_id = ${tenantId} and scope = 'admin' and id <> ${id} and revoked_at is null
        and (expires_at is null or expires_at > ${now}::timestamptz) limit 1`;
    const [row] = await tx<Key[]>`
      select id, owner, scope, created_at, expires_at, revoked_at from keys where id = ${id} and tenant_id = ${tenantId}`;
    if (row === undefined) return refuse("KEY_NOT_FOUND", "There is no such key.");
    if (row.scope === "admin" && row.revokedAt === null && others === undefined) {
      return refuse("LAST_ADMIN_KEY", "This is the last admin key: make another one before it is revoked.");
    }
    const revokedAt = row.revokedAt ?? now;
    await tx`update keys set revoked_at = ${revokedAt}::timestamptz where id = ${id}`;
    return accept({ ...row, revokedAt });
  });
  if (answer.ok) context.wakeup.publish([topics.keys]);
  return answer;
}

/**
 * Makes the tenant `default` and its first admin key; false when there is a key already. `keep` puts the secret where its
 * operator finds it, and returns it; the key is saved only after that, so that no key is made that nobody has.
 */
export async function firstAdminKey(
  context: Pick<EngineContext, "database">,
  keep: (drawn: string) => Promise<string>,
): Promise<boolean> {
  return await context.database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(7243190119)`;
    const now = await readNow(tx);
    await tx`insert into tenants (id, name, created_at) values (${uuid()}, 'default', ${now}::timestamptz)
      on conflict (name) do nothing`;
    const [any] = await tx`select 1 from keys limit 1`;
    if (any !== undefined) return false;
    const [tenant] = await tx<{ id: TenantId }[]>`select id from tenants where name = 'default'`;
    if (tenant === undefined) throw new Error("the tenant that was just made is not there");
    const secret = await keep(newSecret("key"));
    await tx`insert into keys (id, tenant_id, owner, scope, secret_hash, created_at)
      values (${uuid()}, ${tenant.id}, 'first admin', 'admin', ${secretHash(secret)}, ${now}::timestamptz)`;
    return true;
  });
}
