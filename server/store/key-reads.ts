// Keys and enrolment tokens as administrators see them, and the one question that every call asks: whose key is this?

import type { Instant, KeyId, TenantId } from "../rules/names.ts";
import type { Query } from "./database.ts";
import type { Scope } from "./schema/tenancy.ts";

export interface KeyOwner {
  readonly tenant: TenantId;
  readonly keyId: KeyId;
  readonly scope: Scope;
  readonly owner: string;
  readonly expiresAt: Instant | null;
}

/** The key with this SHA-256, if it is neither revoked nor expired. */
export async function findKey(query: Query, secretHash: Uint8Array): Promise<KeyOwner | undefined> {
  const [row] = await query<KeyOwner[]>`
    select tenant_id as tenant, id as key_id, scope, owner, expires_at from keys
    where secret_hash = ${secretHash} and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())`;
  return row;
}

export interface KeyView {
  readonly id: KeyId;
  readonly owner: string;
  readonly scope: Scope;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly revokedAt: Instant | null;
}

/** Newest first. */
export async function listKeys(
  query: Query,
  tenantId: TenantId,
  before: string | undefined,
  limit: number,
): Promise<KeyView[]> {
  return await query<KeyView[]>`
    select id, owner, scope, created_at, expires_at, revoked_at from keys
    where tenant_id = ${tenantId} ${before === undefined ? query`` : query`and id < ${before}`}
    order by id desc limit ${limit}`;
}

export interface EnrolmentTokenView {
  readonly id: string;
  readonly pool: string;
  readonly usesLeft: number;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly revokedAt: Instant | null;
}

/** Newest first. */
export async function listEnrolmentTokens(
  query: Query,
  tenantId: TenantId,
  before: string | undefined,
  limit: number,
): Promise<EnrolmentTokenView[]> {
  return await query<EnrolmentTokenView[]>`
    select t.id, p.name as pool, t.uses_left, t.created_at, t.expires_at, t.revoked_at
    from enrolment_tokens t join pools p on p.id = t.pool_id
    where t.tenant_id = ${tenantId} ${before === undefined ? query`` : query`and t.id < ${before}`}
    order by t.id desc limit ${limit}`;
}
