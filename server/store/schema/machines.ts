// Machines, the leases on them, and the replicas that hold their streams.

import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { leasePurposes } from "../../rules/lease.ts";
import { desktopStates, holdReasons, type Inventory, machineStatuses } from "../../rules/machine.ts";
import type { AttemptId, LeaseId, MachineId, OfferId, PoolId, ReplicaId, TenantId } from "../../rules/names.ts";
import type { Warm } from "../../rules/placement.ts";
import { agentFaults } from "../../rules/release.ts";
import { verdicts } from "../../rules/verdict.ts";
import { bytes, instant } from "./instant.ts";
import { pools, tenants } from "./tenancy.ts";

/** A running control-plane process. It acks beats only while `now < endsAt` (G1). */
export const replicas = pgTable("replicas", {
  id: uuid().$type<ReplicaId>().primaryKey(),
  startedAt: instant().notNull(),
  endsAt: instant().notNull(),
  /** Where agents can dial it. */
  agentAddress: text().notNull(),
});

/** One row: since when, after a time without any replica, the service is up again. Takeovers wait for it (G1). */
export const service = pgTable("service", {
  id: integer().primaryKey(),
  resumedAt: instant().notNull(),
});

export const machines = pgTable(
  "machines",
  {
    id: uuid().$type<MachineId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    poolId: uuid()
      .$type<PoolId>()
      .notNull()
      .references(() => pools.id),
    name: text().notNull(),
    keyHash: bytes().notNull().unique(),
    enrolledAt: instant().notNull(),
    revokedAt: instant(),
    status: text({ enum: machineStatuses }).notNull(),
    statusSince: instant().notNull(),
    /** Only grows: each lease, each return under a lease and each forced end takes the next. */
    epoch: bigint({ mode: "number" }).notNull(),
    /** The incarnation that is or was attached. */
    bootId: text(),
    startId: text(),
    dialNumber: bigint({ mode: "number" }).notNull().default(0),
    /** The replica and the stream that the machine is attached to; kept while reattaching. */
    replicaId: uuid().$type<ReplicaId>(),
    sessionId: uuid(),
    /** When its newest stream opened. */
    attachedAt: instant(),
    /** When reattaching: its work is handed on then. */
    takeoverAt: instant(),
    inventory: jsonb().$type<Inventory>(),
    applications: text().array().notNull().default(sql`'{}'`),
    /** Its applications and labels: `offers`. */
    offerId: text().$type<OfferId>(),
    /** What its agent can be replaced by; empty: by nothing. */
    executable: text().notNull().default(""),
    /** Since when the incarnation that is or was attached has been the one. */
    incarnationSince: instant(),
    /** What its agent last said of a release. */
    releaseVersion: text(),
    releaseState: text({ enum: ["prepared", "failed"] }),
    releaseFault: text({ enum: agentFaults }),
    /** Given no further run: it is to restart into a release as soon as it has nothing to do. */
    keptFree: boolean().notNull().default(false),
    /** Given no further run since then, by an operator. */
    cordonedAt: instant(),
    /** While it is drained: what it does is stopped then. */
    drainBy: instant(),
    /** Why its agent says that it holds, besides its lease clock. */
    hold: text({ enum: holdReasons }),
    /** What its agent last saw of its desktop. */
    desktop: text({ enum: desktopStates }),
    /** How often an operator has said that it shall go on although a person was at the mouse. */
    resumeNumber: integer().notNull().default(0),
    /** Its last proofs were not READY: how many in a row, the last one's verdict, and when it is tried again. */
    unreadyCount: integer().notNull().default(0),
    unreadyVerdict: text({ enum: verdicts }),
    unreadyUntil: instant(),
    /** When its incarnation was last proven ready, by application. */
    warm: jsonb().$type<Warm>().notNull().default({}),
    /** Attempts that failed there one after the other, how many of its recent ones failed (0 to 1, newer ones count more) ... */
    failuresInARow: integer().notNull().default(0),
    failureRate: doublePrecision().notNull().default(0),
    /** ... how often in a row it was quarantined for it, and until when it is. */
    quarantines: integer().notNull().default(0),
    quarantinedUntil: instant(),
    /** The attempt that has left it so that it is to be cleaned up before it is given anything else. */
    uncleanAttemptId: uuid().$type<AttemptId>(),
    /** When its latest health screenshot came. */
    healthAt: instant(),
    generation: integer().notNull().default(1),
  },
  (t) => [
    unique("machines_name").on(t.tenantId, t.name),
    index("machines_idle").on(t.poolId, t.statusSince).where(sql`status = 'idle'`),
    index("machines_reattaching").on(t.takeoverAt).where(sql`status = 'reattaching'`),
    index("machines_by_replica").on(t.replicaId).where(sql`status in ('idle', 'busy')`),
    index("machines_draining").on(t.drainBy).where(sql`drain_by is not null`),
    check("machines_takeover", sql`(status = 'reattaching') = (takeover_at is not null)`),
  ],
);

export const leases = pgTable(
  "leases",
  {
    id: uuid().$type<LeaseId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    machineId: uuid()
      .$type<MachineId>()
      .notNull()
      .references(() => machines.id),
    purpose: text({ enum: leasePurposes }).notNull(),
    epoch: bigint({ mode: "number" }).notNull(),
    attemptId: uuid().$type<AttemptId>(),
    grantedAt: instant().notNull(),
    /** No lease is for ever (G6). */
    deadlineAt: instant().notNull(),
    endedAt: instant(),
  },
  (t) => [
    // G1: one driver. An index, not a habit.
    uniqueIndex("leases_one_driver").on(t.machineId).where(sql`ended_at is null`),
    index("leases_by_attempt").on(t.attemptId),
  ],
);
