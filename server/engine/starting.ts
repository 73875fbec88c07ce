// A caller's request becomes a run: checked, saved with its first event in one statement, and from then on never lost (G5).

import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import { limits } from "../rules/limits.ts";
import type { Instant, Json, PoolId, RouteId, RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { retryOnDefault, retryPaceDefault } from "../rules/retry.ts";
import { unmet } from "../rules/unmet.ts";
import { json, readNow } from "../store/database.ts";
import { latestApplication, workflowVersion } from "../store/definitions.ts";
import { poolNamed } from "../store/pools.ts";
import { topics } from "../store/wakeup.ts";
import { checkInputs } from "../workflows/inputs.ts";
import type { Program } from "../workflows/program.ts";
import type { EngineContext } from "./context.ts";

/** As the API takes it; durations in milliseconds, absent where the workflow's own shall hold. */
export interface StartRequest {
  readonly workflow: string;
  /** 0 for the latest. */
  readonly workflowVersion: number;
  readonly inputs: Json;
  /** Empty for none. */
  readonly idempotencyKey: string;
  readonly priority?: number;
  readonly queueTimeoutMs?: number;
  readonly timeoutMs?: number;
  /** Not to begin before then. */
  readonly notBefore?: Instant;
  /** The owner of the key. */
  readonly caller: string;
}

export interface Started {
  readonly runId: RunId;
  /** The idempotency key had been used before: this is that run. */
  readonly existed: boolean;
  /** What it requires and no machine in the fleet offers, for people; empty when one does. */
  readonly unmet: string;
}

/** Ids are time-ordered, and so is a queue's first come, first served: many runs of one call take theirs in its order. */
export const newRunId = (): RunId => uuid() as RunId;

export async function startRun(
  context: EngineContext,
  tenantId: TenantId,
  request: StartRequest,
  id: RunId = newRunId(),
): Promise<Answer<Started>> {
  const { sql } = context.database;
  const body = JSON.stringify(request.inputs);
  if (Buffer.byteLength(body) > limits.inputsBytesMax) {
    return refuse("INPUTS_INVALID", `The inputs are larger than ${limits.inputsBytesMax} bytes.`);
  }
  if (!isStorable(request.inputs)) {
    return refuse("INPUTS_INVALID", "The inputs hold the character NUL or half a surrogate pair, which no text may.");
  }
  const version = await workflowVersion(sql, tenantId, request.workflow, request.workflowVersion);
  if (version === undefined) {
    const which = request.workflowVersion === 0 ? "" : ` version ${request.workflowVersion}`;
    return refuse("WORKFLOW_NOT_FOUND", `There is no workflow ${request.workflow}${which}; put it first.`);
  }
  const program = await context.interpreters.program(sql, version.id);
  const problems = checkInputs(program, request.inputs);
  if (problems.length > 0) {
    const fields = problems.map((p) => ({
      field: p.path === "" ? "inputs" : `inputs.${p.path.replace(/^[./]/, "")}`,
      message: p.message,
    }));
    return refuse("INPUTS_INVALID", "The inputs do not fit the workflow's schema.", fields);
  }
  if ((await latestApplication(sql, tenantId, program.application)) === undefined) {
    return refuse("APPLICATION_NOT_FOUND", `The workflow needs the application ${program.application}; put it first.`);
  }
  const digest = createHash("sha256")
    .update(JSON.stringify([request.workflow, request.workflowVersion, canonical(request.inputs)]))
    .digest("hex");
  const pool = program.requires.pool ?? "default";
  const poolId = await poolNamed(sql, tenantId, pool);
  const { application } = program;
  const { version: range, labels } = program.requires;
  const requirement = { application, labels, ...(range === undefined ? {} : { version: range }) };
  const { caller, workflow } = request;
  const routeId = await context.catalogue.route(sql, tenantId, { poolId, workflow, caller, requirement });
  const missing = unmet(requirement, pool, await context.catalogue.poolOffers(sql, poolId));
  const saved = await save(context, { id, tenantId, poolId, routeId, version, program, request, body, digest });
  if (saved === "key spent") return keySpent();
  if (saved === "key taken") return await existing(context, tenantId, request.idempotencyKey, digest, missing);
  context.meter.runStarted(tenantId, workflow);
  context.wakeup.publish([topics.placing, topics.run(id), topics.events(tenantId)]);
  return accept({ runId: id, existed: false, unmet: missing });
}

interface NewRun {
  readonly id: RunId;
  readonly tenantId: TenantId;
  readonly poolId: PoolId;
  readonly routeId: RouteId;
  readonly version: { readonly id: string; readonly name: string; readonly version: number };
  readonly program: Program;
  readonly request: StartRequest;
  readonly body: string;
  readonly digest: string;
}

/** A key is spent when its run was deleted: `refuse_spent_key`, a trigger, looks for that once the key is known to be free (G5). */
async function save(context: EngineContext, run: NewRun): Promise<"saved" | "key taken" | "key spent"> {
  try {
    return (await insert(context, run)) ? "saved" : "key taken";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === spentKeyCode) return "key spent";
    throw error;
  }
}

/** False when the idempotency key is taken. */
async function insert(context: EngineContext, run: NewRun): Promise<boolean> {
  const { sql } = context.database;
  const { request, program, version } = run;
  const now = await readNow(sql);
  const queueTimeoutMs = request.queueTimeoutMs ?? program.queueMs;
  const notBefore = request.notBefore !== undefined && request.notBefore > now ? request.notBefore : undefined;
  const retryOn = program.retry.on.length > 0 ? program.retry.on : retryOnDefault;
  const rows = await sql`
    with run as (
      insert into runs (id, tenant_id, workflow_version_id, workflow, workflow_version, pool_id, application, route_id, caller,
        inputs,
        idempotency_key, request_digest, priority, state, last_event, attempts_max, retry_on, retry,
        queue_timeout_ms, timeout_ms, deadline_at, not_before_at, due, created_at)
      values (${run.id}, ${run.tenantId}, ${version.id}, ${version.name}, ${version.version}, ${run.poolId},
        ${program.application}, ${run.routeId}, ${request.caller}, ${run.body}::jsonb, ${request.idempotencyKey === "" ? null : request.idempotencyKey},
        ${run.digest}, ${request.priority ?? program.priority}, 'queued', 1, ${program.retry.attempts},
        ${[...retryOn]}::text[], ${json(program.retry.pace ?? retryPaceDefault)}::jsonb, ${queueTimeoutMs}, ${request.timeoutMs ?? program.timeoutMs},
        ${(notBefore ?? now) + queueTimeoutMs}::timestamptz, ${notBefore ?? null}::timestamptz, ${notBefore === undefined},
        ${now}::timestamptz)
      on conflict (tenant_id, idempotency_key) where idempotency_key is not null do nothing
      returning id
    )
    insert into events (run_id, number, at, body, tenant_id)
    select id, 1, ${now}::timestamptz, ${json({ kind: "QUEUED" })}::jsonb, ${run.tenantId}::uuid from run
    returning run_id`;
  return rows.length === 1;
}

async function existing(
  context: EngineContext,
  tenantId: TenantId,
  idempotencyKey: string,
  digest: string,
  missing: string,
): Promise<Answer<Started>> {
  const [row] = await context.database.sql<{ id: RunId; requestDigest: string }[]>`
    select id, request_digest from runs where tenant_id = ${tenantId} and idempotency_key = ${idempotencyKey}`;
  // Its run was deleted in between.
  if (row === undefined) return keySpent();
  if (row.requestDigest !== digest) {
    return refuse("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used with another workflow or other inputs.");
  }
  return accept({ runId: row.id, existed: true, unmet: missing });
}

/** What the trigger `refuse_spent_key` raises. */
const spentKeyCode = "DRKEY";

export const keySpent = (): Answer<never> =>
  refuse(
    "IDEMPOTENCY_KEY_TOO_OLD",
    "The run of this idempotency key was deleted, and nobody can tell any more whether this is the same request. Take another key if it is not.",
  );

/** Postgres takes neither NUL nor lone surrogates, in values or in names. */
function isStorable(value: Json): boolean {
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner));
}

/** The same value for the same JSON, whatever the order of its keys. */
function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, inner]): [string, Json] => [key, canonical(inner)]));
}
