// A person has a run deleted through the port that they would use, on a real Postgres and a real disk (G11); and what becomes of
// its idempotency key, whatever comes in between (G5).

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ArtifactService } from "../../../proto/gen/drover/v1/artifact_pb.ts";
import { RetentionService } from "../../../proto/gen/drover/v1/retention_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { AuditEntry } from "../../../server/api/audit.ts";
import { authenticator, engineDoor } from "../../../server/api/engine-door.ts";
import { serveApi } from "../../../server/api/server.ts";
import { createKey } from "../../../server/engine/keys.ts";
import { purgeRun } from "../../../server/engine/purging.ts";
import { type ResolveWanted, resolveRun } from "../../../server/engine/resolving.ts";
import { retaining } from "../../../server/engine/retaining.ts";
import { startRun } from "../../../server/engine/starting.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { RunId, TenantId } from "../../../server/rules/names.ts";
import type { Tx } from "../../../server/store/database.ts";
import { deleteRuns } from "../../../server/store/retention.ts";
import { until } from "../../agent/desktop/until.ts";
import {
  assertGone,
  atSave,
  filesOf,
  isThere,
  type LeftRun,
  leaveFrame,
  startKeepingRig,
  succeeded,
  unknown,
} from "./left-behind.ts";
import { anotherTenant, clear, lockWaits, type Rig, silentLog, told } from "./rig.ts";

const rig = await startKeepingRig();
const { context, tenantId } = rig;
const { sql } = rig.database;

const audited: AuditEntry[] = [];
const api = await serveApi({
  ...{ host: "127.0.0.1", port: 0, log: silentLog, wakeup: rig.wakeup, isServing: () => true },
  door: engineDoor(context),
  authenticate: authenticator(context),
  audit: (entry) => void audited.push(entry),
});
after(() => api.stop());

async function clientsOf(scope: "caller" | "operator" | "admin", tenant: TenantId = tenantId) {
  const { secret } = await createKey(context, tenant, { owner: "dr.smith", scope });
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${secret}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: api.url, interceptors: [authorize] });
  return {
    runs: createClient(RunService, transport),
    retention: createClient(RetentionService, transport),
    artifacts: createClient(ArtifactService, transport),
  };
}
const admin = await clientsOf("admin");
const operator = await clientsOf("operator");

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(() => assert.fail("it was done"), ConnectError.from);
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? Code[error.code] ?? "";
}

beforeEach(async () => {
  await clear(rig);
  await sql`update machines set unclean_attempt_id = null`;
  audited.length = 0;
});

/** The same request as the run's. */
const again = async ({ idempotencyKey, planted }: LeftRun, on: Rig = rig) => {
  const request = { workflow: "notes.save", workflowVersion: 0, caller: "somebody", inputs: { text: planted } };
  const answer = await startRun(on.context, on.tenantId, { ...request, idempotencyKey });
  return answer.ok ? answer.value.runId : answer.refusal.reason;
};

test("a run that is purged is in no table and on no disk, who did it is recorded, and its key starts no other (G5)", async () => {
  const run = await succeeded(rig);
  const kept = await succeeded(rig);
  const { artifacts } = await admin.artifacts.listArtifacts({ runId: run.id });
  await admin.runs.purgeRun({ runId: run.id.toUpperCase() });
  await assertGone(rig, run);
  const { keyId: _, ...entry } = audited.at(-1) as AuditEntry;
  assert.deepEqual(entry, { decided: "run", runId: run.id, as: "purged", tenant: tenantId, owner: "dr.smith" });
  assert.equal(await refusal(admin.runs.getRun({ runId: run.id })), "RUN_NOT_FOUND");
  assert.equal(await refusal(admin.artifacts.listArtifacts({ runId: run.id })), "RUN_NOT_FOUND");
  assert.equal(
    await refusal(admin.artifacts.getArtifact({ artifactId: artifacts[0]?.id ?? "" })),
    "ARTIFACT_NOT_FOUND",
  );
  assert.equal(await refusal(admin.runs.purgeRun({ runId: run.id })), "RUN_NOT_FOUND");
  assert.equal(await again(run), "IDEMPOTENCY_KEY_TOO_OLD");
  const { inputs, idempotencyKey } = { inputs: { text: run.planted }, ...run };
  const call = operator.runs.startRun({ workflow: "notes.save", inputs, idempotencyKey });
  assert.equal(await refusal(call), "IDEMPOTENCY_KEY_TOO_OLD");
  assert.equal(filesOf(rig, kept.id).length, 1);
  assert.equal(await again(kept), kept.id);
});

test("only an admin of its tenant purges a run, and only one that has ended and that no machine needs", async () => {
  const run = await atSave(rig);
  const { id } = run;
  assert.equal(await refusal(operator.runs.purgeRun({ runId: id })), "SCOPE_INSUFFICIENT");
  const stranger = await clientsOf("admin", (await anotherTenant(rig)).tenantId);
  assert.equal(await refusal(stranger.runs.purgeRun({ runId: id })), "RUN_NOT_FOUND");
  assert.equal(await refusal(admin.runs.purgeRun({ runId: id })), "RUN_NOT_ENDED");
  await run.machine.report({ input: "some", failure: { category: "NOT_DONE", message: "" } });
  await sql`update machines set unclean_attempt_id = ${run.attemptId} where id = ${run.machine.id}`;
  assert.equal(await refusal(admin.runs.purgeRun({ runId: id })), "RUN_IN_USE");
  assert.ok(!audited.some((entry) => "decided" in entry));
  assert.equal(filesOf(rig, id).length, 1);
  await sql`update machines set unclean_attempt_id = null where id = ${run.machine.id}`;
  // It ended UNKNOWN: nobody has to settle it first.
  assert.equal(await told(rig, id), "UNKNOWN UNKNOWN");
  await admin.runs.purgeRun({ runId: id });
  await assertGone(rig, run);
});

test("whoever watches a run that is purged is told that it is not there any more", async () => {
  const run = await unknown(rig);
  // As if there were more to tell.
  await sql`update runs set last_event = last_event + 1 where id = ${run.id}`;
  const seen: number[] = [];
  const watching = (async () => {
    for await (const { event } of operator.runs.watchRun({ runId: run.id }, { timeoutMs: 5_000 }))
      if (event !== undefined) seen.push(event.kind);
  })();
  watching.catch(() => {});
  await until("all is told", () => seen.length > 5);
  await admin.runs.purgeRun({ runId: run.id });
  assert.equal(await refusal(watching), "RUN_NOT_FOUND");
});

test("of a purge and what a person settles at the same time one is done, and the other refused", async () => {
  const wanted: ResolveWanted = { as: "RETRY", outputs: {}, nothingCommitted: false, by: "nurse", note: "looked" };
  for (let turn = 0; turn < 8; turn++) {
    const run = await unknown(rig);
    const settle = () => resolveRun(context, tenantId, run.id, wanted);
    const purge = () => purgeRun(context, tenantId, run.id);
    const [first, second] = turn % 2 === 0 ? [settle(), purge()] : [purge(), settle()];
    const answers = await Promise.all([first, second]);
    const [settled, purged] = turn % 2 === 0 ? answers : answers.toReversed();
    const said = [settled, purged].map((answer) => (answer?.ok ? "ok" : answer?.refusal.reason)).join(" ");
    if (said === "ok RUN_NOT_ENDED") {
      assert.equal(await told(rig, run.id), "queued");
      assert.equal(filesOf(rig, run.id).length, 1, "its frames are still there");
    } else {
      assert.equal(said, "RUN_NOT_FOUND ok");
      await assertGone(rig, run);
    }
  }
});

test("a frame that comes in while its run is purged is refused, and leaves nothing", async () => {
  const run = await succeeded(rig);
  const { blobs } = context;
  const late = {
    ...blobs,
    async put(key: string, content: Uint8Array) {
      await purgeRun(context, tenantId, run.id);
      await blobs.put(key, content);
    },
  };
  assert.equal(await leaveFrame({ ...rig, context: { ...context, blobs: late } }, run), false);
  assert.deepEqual(filesOf(rig, run.id), []);
});

test("a start that meets the deletion of its key's run waits for it, and is refused or given that run (G5)", async (t) => {
  for (const ends of ["commit", "rollback"] as const) {
    const run = await succeeded(rig);
    const other = await sql.reserve();
    t.after(() => other.release());
    await other`begin`;
    await deleteRuns(other as unknown as Tx, [run.id], Date.now());
    const started = again(run);
    await until("the start waits", () => lockWaits(sql));
    await other.unsafe(ends);
    assert.equal(await started, ends === "commit" ? "IDEMPOTENCY_KEY_TOO_OLD" : run.id);
    assert.equal(await isThere(rig, run.id), ends === "rollback");
  }
});

test("a start that began before its key's run was there, and ends after it was deleted, is refused too (G5)", async (t) => {
  const like = await succeeded(rig);
  const key = `short-lived ${like.id}`;
  const other = await sql.reserve();
  t.after(() => other.release());
  await other`begin`;
  const [row] = await other<{ id: RunId }[]>`
    insert into runs
    select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', ${key}::text))).*
    from runs r where r.id = ${like.id} returning id`;
  assert.ok(row !== undefined);
  const started = again({ ...like, idempotencyKey: key });
  await until("the start waits", () => lockWaits(sql));
  await deleteRuns(other as unknown as Tx, [row.id], Date.now());
  await other`commit`;
  assert.equal(await started, "IDEMPOTENCY_KEY_TOO_OLD");
});

test("a start that finds its key's run, which is purged before it is read, is refused, and no other of its call (G5)", async () => {
  for (const many of [false, true]) {
    const { id, planted, idempotencyKey } = await succeeded(rig);
    const meddled = new Proxy(sql, {
      apply(call, self, args) {
        const query = Reflect.apply(call as never, self, args) as Promise<unknown>;
        if (!String(args[0]).includes("request_digest from runs")) return query;
        return query.then(async (rows) => {
          await purgeRun(context, tenantId, id);
          return rows;
        });
      },
    });
    const { runs } = engineDoor({ ...context, database: { ...rig.database, sql: meddled } });
    const wanted = { workflow: "notes.save", workflowVersion: 0, caller: "x", priority: 0, inputs: { text: planted } };
    const asked = { ...wanted, idempotencyKey };
    const answers = many
      ? await runs.startRuns(tenantId, [asked, { ...wanted, idempotencyKey: "" }])
      : [await runs.startRun(tenantId, asked)];
    const said = answers.map((answer) => (answer.ok ? "started" : answer.refusal.reason));
    assert.deepEqual(said, many ? ["IDEMPOTENCY_KEY_TOO_OLD", "started"] : ["IDEMPOTENCY_KEY_TOO_OLD"]);
  }
});

test("runs with keys are restored from a dump, which has no search path", async () => {
  const like = await succeeded(rig);
  await sql.begin(async (tx) => {
    await tx`select set_config('search_path', '', true)`;
    const rows = await tx`
      insert into public.runs
      select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', 'restored'))).*
      from public.runs r where r.id = ${like.id} returning id`;
    assert.equal(rows.length, 1);
  });
});

test("a spent key is its tenant's alone (G12), and is forgotten after its time", async () => {
  const run = await succeeded(rig);
  const other = await anotherTenant(rig);
  await admin.runs.purgeRun({ runId: run.id });
  assert.match(await again(run, other), /^[0-9a-f-]{36}$/);
  const spent = limits.keepSpentKeysMs / 1_000;
  await sql`update spent_keys set spent_at = clock_timestamp() - ${spent} * interval '1 s' where tenant_id = ${tenantId}`;
  await retaining(context)();
  assert.match(await again(run), /^[0-9a-f-]{36}$/);
});

test("an admin sets how long things are kept, and both are told and recorded", async () => {
  const shown = async () => {
    const { retention } = await operator.retention.getRetention({});
    assert.ok(retention?.runs !== undefined && retention.artifacts !== undefined);
    return [durationMs(retention.runs), durationMs(retention.artifacts)];
  };
  assert.deepEqual(await shown(), [limits.keepRunsMs, limits.keepArtifactsMs]);
  const wanted = { retention: { artifacts: durationFromMs(60_000) } };
  assert.equal(await refusal(operator.retention.setRetention(wanted)), "SCOPE_INSUFFICIENT");
  await admin.retention.setRetention(wanted);
  assert.deepEqual(await shown(), [limits.keepRunsMs, 60_000]);
  const { keyId: _, ...entry } = audited.at(-1) as AuditEntry;
  const held = { runsMs: limits.keepRunsMs, artifactsMs: 60_000 };
  assert.deepEqual(entry, { decided: "retention", as: "set", ...held, tenant: tenantId, owner: "dr.smith" });
  for (const ms of [0, 59_999, 10 * 365.25 * 24 * 60 * 60_000]) {
    const set = admin.retention.setRetention({ retention: { runs: durationFromMs(ms) } });
    assert.equal(await refusal(set), "InvalidArgument");
  }
  assert.equal(await refusal(admin.retention.setRetention({})), "InvalidArgument");
});
