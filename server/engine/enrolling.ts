// Machines get in: a token buys a machine's own key; both are stored as hashes only.

import { createHash, randomBytes } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { Instant, MachineId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { readNow } from "../store/database.ts";
import { poolNamed } from "../store/pools.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";

/** 256 random bits with a prefix that says what it is for. A fast hash of it is enough: it cannot be guessed. */
export const newSecret = (kind: "key" | "machine" | "enrol"): string =>
  `drover_${kind}_${randomBytes(32).toString("base64url")}`;

export const secretHash = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export interface EnrolmentToken {
  readonly id: string;
  readonly pool: string;
  readonly usesLeft: number;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly revokedAt: Instant | null;
}

export async function createEnrolmentToken(
  context: EngineContext,
  tenantId: TenantId,
  wanted: { readonly pool: string; readonly uses: number; readonly lifetimeMs: number },
): Promise<{ token: EnrolmentToken; secret: string }> {
  const { sql } = context.database;
  const secret = newSecret("enrol");
  const poolId = await poolNamed(sql, tenantId, wanted.pool);
  const now = await readNow(sql);
  const token = { id: uuid(), usesLeft: wanted.uses, createdAt: now, expiresAt: now + wanted.lifetimeMs };
  await sql`
    insert into enrolment_tokens (id, tenant_id, pool_id, secret_hash, uses_left, created_at, expires_at)
    values (${token.id}, ${tenantId}, ${poolId}, ${secretHash(secret)}, ${token.usesLeft},
      ${token.createdAt}::timestamptz, ${token.expiresAt}::timestamptz)`;
  return { token: { ...token, pool: wanted.pool, revokedAt: null }, secret };
}

export async function revokeEnrolmentToken(
  context: EngineContext,
  tenantId: TenantId,
  id: string,
): Promise<Answer<EnrolmentToken>> {
  const { sql } = context.database;
  const now = await readNow(sql);
  const [row] = await sql<EnrolmentToken[]>`
    update enrolment_tokens t set revoked_at = coalesce(t.revoked_at, ${now}::timestamptz)
    from pools p where t.id = ${id} and t.tenant_id = ${tenantId} and p.id = t.pool_id
    returning t.id, p.name as pool, t.uses_left, t.created_at, t.expires_at, t.revoked_at`;
  return row === undefined ? refuse("ENROLMENT_TOKEN_NOT_FOUND", "There is no such enrolment token.") : accept(row);
}

export type Enrolled =
  | { readonly is: "enrolled"; readonly machineId: MachineId; readonly machineKey: string }
  | { readonly is: "token-refused" }
  | { readonly is: "name-taken" };

/** Spends one use of the token. Nothing is spent when the name is taken. */
export async function enrol(context: EngineContext, token: string, name: string): Promise<Enrolled> {
  const machineId = uuid() as MachineId;
  const machineKey = newSecret("machine");
  return await context.database.sql.begin(async (tx): Promise<Enrolled> => {
    const now = await readNow(tx);
    const [row] = await tx<{ id: string; tenantId: TenantId; poolId: string }[]>`
      select id, tenant_id, pool_id from enrolment_tokens
      where secret_hash = ${secretHash(token)} and revoked_at is null and uses_left > 0 and expires_at > ${now}::timestamptz
      for update`;
    if (row === undefined) return { is: "token-refused" };
    const made = await tx`
      insert into machines (id, tenant_id, pool_id, name, key_hash, enrolled_at, status, status_since, epoch)
      values (${machineId}, ${row.tenantId}, ${row.poolId}, ${name}, ${secretHash(machineKey)}, ${now}::timestamptz,
        'offline', ${now}::timestamptz, 0)
      on conflict (tenant_id, name) do nothing returning id`;
    if (made.length === 0) return { is: "name-taken" };
    await tx`update enrolment_tokens set uses_left = uses_left - 1 where id = ${row.id}`;
    return { is: "enrolled", machineId, machineKey };
  });
}

/** The machine's key is good no more; its session sees that at the wake-up and closes. */
export async function revokeMachine(
  context: EngineContext,
  tenantId: TenantId,
  idOrName: string,
): Promise<Answer<MachineId>> {
  const { sql } = context.database;
  const now = await readNow(sql);
  const [row] = await sql<{ id: MachineId }[]>`
    update machines set revoked_at = coalesce(revoked_at, ${now}::timestamptz), generation = generation + 1
    where tenant_id = ${tenantId} and (id::text = ${idOrName} or name = ${idOrName}) returning id`;
  if (row === undefined) return refuse("MACHINE_NOT_FOUND", "There is no such machine.");
  context.wakeup.publish([topics.machine(row.id)]);
  return accept(row.id);
}
