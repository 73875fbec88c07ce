// Workflows and applications: immutable versions, and the files (pictures) that they name.

import { integer, jsonb, pgTable, primaryKey, text, unique, uuid } from "drizzle-orm/pg-core";
import type { ApplicationVersionId, Json, TenantId, WorkflowVersionId } from "../../rules/names.ts";
import { bytes, instant } from "./instant.ts";
import { tenants } from "./tenancy.ts";

export const workflowVersions = pgTable(
  "workflow_versions",
  {
    id: uuid().$type<WorkflowVersionId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    name: text().notNull(),
    version: integer().notNull(),
    /** SHA-256 over the source, its files and what it embeds, hex: putting the same again makes no version. */
    digest: text().notNull(),
    source: text().notNull(),
    program: jsonb().$type<Json>().notNull(),
    createdAt: instant().notNull(),
  },
  (t) => [unique("workflow_versions_number").on(t.tenantId, t.name, t.version)],
);

export const applicationVersions = pgTable(
  "application_versions",
  {
    id: uuid().$type<ApplicationVersionId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    name: text().notNull(),
    version: integer().notNull(),
    digest: text().notNull(),
    source: text().notNull(),
    program: jsonb().$type<Json>().notNull(),
    createdAt: instant().notNull(),
  },
  (t) => [unique("application_versions_number").on(t.tenantId, t.name, t.version)],
);

export const files = pgTable(
  "files",
  {
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    /** SHA-256 of the content, hex. */
    digest: text().notNull(),
    content: bytes().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.digest] })],
);
