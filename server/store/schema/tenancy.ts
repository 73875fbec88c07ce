// Tenants, and what lets people and machines in.

import { doublePrecision, index, integer, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import type { KeyId, PoolId, TenantId } from "../../rules/names.ts";
import { bytes, instant } from "./instant.ts";

export const tenants = pgTable("tenants", {
  id: uuid().$type<TenantId>().primaryKey(),
  name: text().notNull().unique(),
  createdAt: instant().notNull(),
});

export const scopes = ["caller", "operator", "admin"] as const;
export type Scope = (typeof scopes)[number];

export const keys = pgTable(
  "keys",
  {
    id: uuid().$type<KeyId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    owner: text().notNull(),
    scope: text({ enum: scopes }).notNull(),
    /** SHA-256 of the secret, which is 256 random bits: nothing slower is needed. */
    secretHash: bytes().notNull().unique(),
    createdAt: instant().notNull(),
    expiresAt: instant(),
    revokedAt: instant(),
  },
  (t) => [index("keys_by_tenant").on(t.tenantId, t.id)],
);

/** Machines managed together. A pool's row is also the lock of its placer. */
export const pools = pgTable(
  "pools",
  {
    id: uuid().$type<PoolId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    name: text().notNull(),
    /** The start tag of the run that was placed last (`rules/fair-share.ts`). */
    virtualTime: doublePrecision().notNull().default(0),
    /** How many runs were moved to the front. */
    fronts: integer().notNull().default(0),
  },
  (t) => [unique("pools_name").on(t.tenantId, t.name)],
);

export const enrolmentTokens = pgTable(
  "enrolment_tokens",
  {
    id: uuid().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    poolId: uuid()
      .$type<PoolId>()
      .notNull()
      .references(() => pools.id),
    secretHash: bytes().notNull().unique(),
    usesLeft: integer().notNull(),
    createdAt: instant().notNull(),
    expiresAt: instant().notNull(),
    revokedAt: instant(),
  },
  (t) => [index("enrolment_tokens_by_tenant").on(t.tenantId, t.id)],
);
