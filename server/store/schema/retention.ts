// How long things are kept, and what is remembered of those that are not.

import { bigint, index, pgTable, primaryKey, uuid } from "drizzle-orm/pg-core";
import type { TenantId } from "../../rules/names.ts";
import { bytes, instant } from "./instant.ts";
import { tenants } from "./tenancy.ts";

/** What a tenant has set; without a row the defaults of `rules/limits.ts` hold. */
export const retentions = pgTable("retentions", {
  tenantId: uuid()
    .$type<TenantId>()
    .primaryKey()
    .references(() => tenants.id),
  runsMs: bigint({ mode: "number" }),
  artifactsMs: bigint({ mode: "number" }),
});

/** Idempotency keys of runs that were deleted: such a key is refused as too old (G5). */
export const spentKeys = pgTable(
  "spent_keys",
  {
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    /** SHA-256 of the key. */
    keyHash: bytes().notNull(),
    spentAt: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.keyHash] }), index("spent_keys_by_age").on(t.spentAt)],
);
