// The stop button (G14), and the budget of retries (G6).

import { sql } from "drizzle-orm";
import { check, doublePrecision, index, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { haltKinds } from "../../rules/halt.ts";
import type { HaltId, TenantId } from "../../rules/names.ts";
import { instant } from "./instant.ts";
import { tenants } from "./tenancy.ts";

/** A halt that is in force until it has ended. */
export const halts = pgTable(
  "halts",
  {
    id: uuid().$type<HaltId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    kind: text({ enum: haltKinds }).notNull(),
    /** The machine's or the pool's id; the workflow's or the application's name; empty for the tenant. */
    target: text().notNull(),
    reason: text().notNull(),
    /** The owner of the key. */
    haltedBy: text().notNull(),
    haltedAt: instant().notNull(),
    resumedBy: text(),
    resumedAt: instant(),
  },
  (t) => [
    uniqueIndex("halts_in_force").on(t.tenantId, t.kind, t.target).where(sql`resumed_at is null`),
    index("halts_by_tenant").on(t.tenantId, t.id),
    check("halts_resumed", sql`(resumed_at is null) = (resumed_by is null)`),
  ],
);

/** What is left of a workflow's budget of retries, as of `countedAt`. */
export const retryBudgets = pgTable(
  "retry_budgets",
  {
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    workflow: text().notNull(),
    left: doublePrecision().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.workflow] })],
);
