// The queue: what waiting runs need, who shares the machines, and what operators have paused and limited.

import { sql } from "drizzle-orm";
import {
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import type { Requirement } from "../../rules/matching.ts";
import type { OfferId, PauseId, PoolId, RouteId, TenantId } from "../../rules/names.ts";
import { limitKinds, type OfferBody, pauseKinds } from "../../rules/route.ts";
import { instant } from "./instant.ts";
import { pools, tenants } from "./tenancy.ts";

/** What runs of one workflow and one caller need. Immutable; each kept once. */
export const routes = pgTable(
  "routes",
  {
    id: uuid().$type<RouteId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    poolId: uuid()
      .$type<PoolId>()
      .notNull()
      .references(() => pools.id),
    workflow: text().notNull(),
    caller: text().notNull(),
    requirement: jsonb().$type<Requirement>().notNull(),
    /** SHA-256 over all of the above but the tenant, hex. */
    digest: text().notNull(),
  },
  (t) => [unique("routes_digest").on(t.tenantId, t.digest)],
);

/** What machines offer: applications and labels. Immutable; each kept once. */
export const offers = pgTable("offers", {
  /** SHA-256 of the body, hex. */
  id: text().$type<OfferId>().primaryKey(),
  body: jsonb().$type<OfferBody>().notNull(),
});

/** How far a caller's share of a pool is used: its finish tag (`rules/fair-share.ts`). */
export const shares = pgTable(
  "shares",
  {
    poolId: uuid()
      .$type<PoolId>()
      .notNull()
      .references(() => pools.id),
    caller: text().notNull(),
    finish: doublePrecision().notNull(),
  },
  (t) => [primaryKey({ columns: [t.poolId, t.caller] })],
);

/** A pause that is in force until it has ended. */
export const pauses = pgTable(
  "pauses",
  {
    id: uuid().$type<PauseId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    kind: text({ enum: pauseKinds }).notNull(),
    /** The pool's id; the workflow's or the application's name. */
    target: text().notNull(),
    reason: text().notNull(),
    /** The owner of the key. */
    pausedBy: text().notNull(),
    pausedAt: instant().notNull(),
    endedBy: text(),
    endedAt: instant(),
  },
  (t) => [
    uniqueIndex("pauses_in_force").on(t.tenantId, t.kind, t.target).where(sql`ended_at is null`),
    index("pauses_by_tenant").on(t.tenantId, t.id),
  ],
);

/** How many runs may be under way at the same time. */
export const concurrencyLimits = pgTable(
  "concurrency_limits",
  {
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    kind: text({ enum: limitKinds }).notNull(),
    /** The workflow's or the application's. */
    name: text().notNull(),
    max: integer().notNull(),
    setBy: text().notNull(),
    setAt: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.kind, t.name] })],
);
