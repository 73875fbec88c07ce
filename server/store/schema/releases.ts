// Releases of the agent program, and their way onto the machines.

import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import type { MachineId, ReleaseId, RolloutId, TenantId } from "../../rules/names.ts";
import { executables } from "../../rules/release.ts";
import { type RunningState, rolloutStates, stopReasons } from "../../rules/rollout.ts";
import { bytes, instant } from "./instant.ts";
import { machines } from "./machines.ts";
import { tenants } from "./tenancy.ts";

/** Its bytes are blobs, a piece each, below the release's id. */
export const releases = pgTable(
  "releases",
  {
    id: uuid().$type<ReleaseId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    version: text().notNull(),
    executable: text({ enum: executables }).notNull(),
    sizeBytes: bigint({ mode: "number" }).notNull(),
    sha256: bytes().notNull(),
    /** By the release key, which is not here: handed on to the agents as it came. */
    signature: bytes().notNull(),
    receivedBytes: bigint({ mode: "number" }).notNull(),
    createdAt: instant().notNull(),
    /** When all of it was there, and was what had been announced. */
    completedAt: instant(),
  },
  (t) => [unique("releases_version").on(t.tenantId, t.version, t.executable)],
);

export const rollouts = pgTable(
  "rollouts",
  {
    id: uuid().$type<RolloutId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    version: text().notNull(),
    state: text({ enum: rolloutStates }).notNull(),
    stateSince: instant().notNull(),
    /** When stopped: where it goes on when it is resumed, and why it was. */
    stoppedFrom: text().$type<RunningState>(),
    stopReason: text({ enum: stopReasons }),
    /** Absent: a share of the fleet. */
    canaryCount: integer(),
    soakMs: bigint({ mode: "number" }).notNull(),
    createdAt: instant().notNull(),
  },
  (t) => [
    index("rollouts_by_tenant").on(t.tenantId, t.createdAt.desc(), t.id.desc()),
    uniqueIndex("rollouts_one_running").on(t.tenantId).where(sql`state in ('running_canary', 'running_rest')`),
    check("rollouts_stopped", sql`(state = 'stopped') = (stop_reason is not null and stopped_from is not null)`),
  ],
);

/** A machine's part in a rollout, from when it was chosen as a canary, or told to restart. */
export const rolloutMachines = pgTable(
  "rollout_machines",
  {
    rolloutId: uuid()
      .$type<RolloutId>()
      .notNull()
      .references(() => rollouts.id),
    machineId: uuid()
      .$type<MachineId>()
      .notNull()
      .references(() => machines.id),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    canary: boolean().notNull().default(false),
    /** When it was told to restart, until an agent of it comes back. */
    grantedAt: instant(),
    grants: integer().notNull().default(0),
    /** As a canary: starts of the version one after the other, each in the same boot and before the soak was over. */
    starts: integer().notNull().default(0),
    /** It had failed when the rollout was resumed. */
    accepted: boolean().notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.rolloutId, t.machineId] }),
    index("rollout_machines_granted").on(t.machineId).where(sql`granted_at is not null`),
  ],
);
