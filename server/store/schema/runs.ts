// Runs, their attempts, commands, events and artifacts.

import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { attemptPhases, attemptPurposes, type Ending, type Held } from "../../rules/attempt.ts";
import type { CommandOutput, CommandSpec, InputAmount } from "../../rules/command.ts";
import type { CommitLabel } from "../../rules/commit.ts";
import type { EventBody } from "../../rules/event.ts";
import type { Failure } from "../../rules/failure.ts";
import type { Inventory } from "../../rules/machine.ts";
import type {
  ApplicationVersionId,
  ArtifactId,
  AttemptId,
  Json,
  LeaseId,
  MachineId,
  PoolId,
  RouteId,
  RunId,
  TenantId,
  WorkflowVersionId,
} from "../../rules/names.ts";
import { type RetryPace, retryPaceDefault } from "../../rules/retry.ts";
import { outcomes, type Resolution, runStates, type Unsettled } from "../../rules/run.ts";
import type { ReadinessProof } from "../../rules/verdict.ts";
import { applicationVersions, workflowVersions } from "./definitions.ts";
import { instant, transactionId } from "./instant.ts";
import { machines } from "./machines.ts";
import { routes } from "./queue.ts";
import { pools, tenants } from "./tenancy.ts";

export const runs = pgTable(
  "runs",
  {
    id: uuid().$type<RunId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    workflowVersionId: uuid()
      .$type<WorkflowVersionId>()
      .notNull()
      .references(() => workflowVersions.id),
    workflow: text().notNull(),
    workflowVersion: integer().notNull(),
    poolId: uuid()
      .$type<PoolId>()
      .notNull()
      .references(() => pools.id),
    application: text().notNull(),
    /** What it needs, and who asks: runs of one route are interchangeable to placing. */
    routeId: uuid()
      .$type<RouteId>()
      .notNull()
      .references(() => routes.id),
    /** The owner of the key that started it. */
    caller: text().notNull(),
    inputs: jsonb().$type<Json>().notNull(),
    idempotencyKey: text(),
    /** SHA-256 over workflow, version asked for and inputs, hex. */
    requestDigest: text().notNull(),
    priority: integer().notNull(),
    /** Above 0: an operator has moved it before all others; the highest goes first. */
    front: integer().notNull().default(0),
    state: text({ enum: runStates }).notNull(),
    outcome: text({ enum: outcomes }),
    outputs: jsonb().$type<Json>(),
    failure: jsonb().$type<Failure & { retryDecision: string }>(),
    commitLabel: text().$type<CommitLabel>(),
    /** The number of its newest event (G8). */
    lastEvent: integer().notNull(),
    attemptsUsed: integer().notNull().default(0),
    notReadyCount: integer().notNull().default(0),
    attemptsMax: integer().notNull(),
    retryOn: text().array().notNull(),
    /** How long it waits before another attempt, and whether that may be on the same machine. */
    retry: jsonb().$type<RetryPace>().notNull().default(retryPaceDefault),
    /** While it waits for its time, or before another attempt. */
    notBeforeAt: instant(),
    /** False while it is not in the queue because its time has not come; `placing` sets it then. */
    due: boolean().notNull().default(true),
    /** While it is unsettled or verifying, and when it ended UNKNOWN: the attempt that left it so. */
    unsettled: jsonb().$type<Unsettled>(),
    /** How a person settled it, once it had ended UNKNOWN. */
    resolution: jsonb().$type<Resolution>(),
    /** The machine that its attempt before failed on. */
    avoid: uuid().array().notNull().default(sql`'{}'`),
    attemptId: uuid().$type<AttemptId>(),
    attemptCount: integer().notNull().default(0),
    queueTimeoutMs: bigint({ mode: "number" }).notNull(),
    timeoutMs: bigint({ mode: "number" }).notNull(),
    /** When waiting: EXPIRED then. When running: stopped then. */
    deadlineAt: instant(),
    /** Set at the first placement and never moved: the whole run's deadline. */
    runDeadlineAt: instant(),
    createdAt: instant().notNull(),
    startedAt: instant(),
    endedAt: instant(),
    generation: integer().notNull().default(1),
  },
  (t) => [
    index("runs_queue")
      .on(t.poolId, t.routeId, t.front.desc(), t.priority.desc(), t.id)
      .where(sql`state = 'queued' and due`),
    index("runs_unsettled").on(t.poolId, t.routeId, t.front.desc(), t.id).where(sql`state = 'unsettled' and due`),
    index("runs_not_due").on(t.notBeforeAt).where(sql`not due`),
    index("runs_deadline").on(t.deadlineAt).where(sql`state <> 'ended'`),
    uniqueIndex("runs_idempotency").on(t.tenantId, t.idempotencyKey).where(sql`idempotency_key is not null`),
    index("runs_by_tenant").on(t.tenantId, t.id.desc()),
    // For retention.
    index("runs_by_end").on(t.tenantId, t.endedAt).where(sql`state = 'ended'`),
    // Those that a person is to settle.
    index("runs_unknown").on(t.tenantId, t.workflow).where(sql`state = 'ended' and outcome = 'UNKNOWN'`),
    // The last success of a workflow that nobody had to tell of, for the failure context of a later run.
    index("runs_succeeded")
      .on(t.tenantId, t.workflow, t.endedAt)
      .where(sql`outcome = 'SUCCEEDED' and unsettled is null and resolution is null`),
    check("runs_ended", sql`(state = 'ended') = (ended_at is not null) and (state = 'ended') = (outcome is not null)`),
    check("runs_attempt", sql`(state in ('running', 'cancelling', 'verifying')) = (attempt_id is not null)`),
    check("runs_deadline_set", sql`(state = 'ended') = (deadline_at is null)`),
  ],
);

export const attempts = pgTable(
  "attempts",
  {
    id: uuid().$type<AttemptId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    runId: uuid()
      .$type<RunId>()
      .notNull()
      .references(() => runs.id),
    number: integer().notNull(),
    purpose: text({ enum: attemptPurposes }).notNull().default("attempt"),
    machineId: uuid()
      .$type<MachineId>()
      .notNull()
      .references(() => machines.id),
    leaseId: uuid().$type<LeaseId>().notNull(),
    /** Fixed when the attempt begins. */
    applicationVersionId: uuid()
      .$type<ApplicationVersionId>()
      .notNull()
      .references(() => applicationVersions.id),
    phase: text({ enum: attemptPhases }).notNull(),
    /** The number of its newest command. */
    commandNumber: integer().notNull(),
    /** When the newest command is outstanding: the agent's word is overdue then. */
    commandDeadlineAt: instant(),
    /** Where the interpreter stands (`server/workflows`). */
    progress: jsonb().$type<Json>(),
    commitLabel: text().$type<CommitLabel>().notNull(),
    /** How many commit steps were sent. */
    commitsBegun: integer().notNull().default(0),
    /** While somebody holds it: no time passes for its command. */
    held: jsonb().$type<Held>(),
    /** What the machine was and had when it began: `inventories`. */
    inventoryDigest: text(),
    repairs: integer().notNull().default(0),
    /** While a launched application comes up: proofs are taken again until then. */
    readyBy: instant(),
    /** Why it is being stopped, once it is; the agent is asked to abandon what is outstanding. */
    ending: jsonb().$type<Ending>(),
    stepsDone: integer().notNull().default(0),
    proof: jsonb().$type<ReadinessProof>(),
    failure: jsonb().$type<Failure>(),
    startedAt: instant().notNull(),
    endedAt: instant(),
    generation: integer().notNull().default(1),
  },
  (t) => [
    uniqueIndex("attempts_number").on(t.runId, t.number),
    // One live attempt to a run.
    uniqueIndex("attempts_live").on(t.runId).where(sql`ended_at is null and purpose <> 'upkeep'`),
    index("attempts_command_deadline").on(t.commandDeadlineAt).where(sql`ended_at is null`),
    check("attempts_ended", sql`(phase = 'ended') = (ended_at is not null)`),
  ],
);

/** What machines were and had when attempts began; each kept once. */
export const inventories = pgTable("inventories", {
  /** SHA-256 of the body, hex. */
  digest: text().primaryKey(),
  body: jsonb().$type<Inventory>().notNull(),
});

/** A command is saved here before it is sent (G4). */
export const commands = pgTable(
  "commands",
  {
    attemptId: uuid()
      .$type<AttemptId>()
      .notNull()
      .references(() => attempts.id),
    number: integer().notNull(),
    spec: jsonb().$type<CommandSpec>().notNull(),
    savedAt: instant().notNull(),
    endedAt: instant(),
    input: text().$type<InputAmount>(),
    failure: jsonb().$type<Failure>(),
    output: jsonb().$type<CommandOutput>(),
    durationMs: integer(),
  },
  (t) => [primaryKey({ columns: [t.attemptId, t.number] })],
);

export const events = pgTable(
  "events",
  {
    runId: uuid()
      .$type<RunId>()
      .notNull()
      .references(() => runs.id),
    number: integer().notNull(),
    at: instant().notNull(),
    body: jsonb().$type<EventBody>().notNull(),
    tenantId: uuid().$type<TenantId>().notNull(),
    /** The transaction that wrote it: what orders the events of all runs so that none is skipped (`events.ts`). */
    tx: transactionId().notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [
    primaryKey({ columns: [t.runId, t.number] }),
    index("events_by_tenant").on(t.tenantId, t.tx, t.runId, t.number),
  ],
);

export const artifactKinds = ["frame", "proof", "screenshot"] as const;

export const artifacts = pgTable(
  "artifacts",
  {
    id: uuid().$type<ArtifactId>().primaryKey(),
    tenantId: uuid()
      .$type<TenantId>()
      .notNull()
      .references(() => tenants.id),
    runId: uuid()
      .$type<RunId>()
      .notNull()
      .references(() => runs.id),
    attemptId: uuid()
      .$type<AttemptId>()
      .notNull()
      .references(() => attempts.id),
    commandNumber: integer().notNull(),
    kind: text({ enum: artifactKinds }).notNull(),
    contentType: text().notNull(),
    sizeBytes: integer().notNull(),
    createdAt: instant().notNull(),
  },
  (t) => [
    index("artifacts_by_run").on(t.runId, t.id),
    index("artifacts_by_attempt").on(t.attemptId, t.kind, t.id),
    // For retention.
    index("artifacts_by_age").on(t.tenantId, t.createdAt),
  ],
);
