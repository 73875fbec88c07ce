// A person settles runs that ended UNKNOWN: on a real Postgres, through the port that they would use.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RunEventKindSchema } from "../../../proto/gen/drover/v1/event_pb.ts";
import { CommitLabel, Outcome, OutcomeSchema, ResolveAs } from "../../../proto/gen/drover/v1/outcome_pb.ts";
import { RunService, RunState } from "../../../proto/gen/drover/v1/run_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { AuditEntry } from "../../../server/api/audit.ts";
import { authenticator, engineDoor } from "../../../server/api/engine-door.ts";
import { serveApi } from "../../../server/api/server.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { createKey } from "../../../server/engine/keys.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId, TenantId } from "../../../server/rules/names.ts";
import { begin, clear, kinds, put, silentLog, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;

const audited: AuditEntry[] = [];
const api = await serveApi({
  ...{ host: "127.0.0.1", port: 0, log: silentLog, wakeup: rig.wakeup, isServing: () => true },
  door: engineDoor(context),
  authenticate: authenticator(context),
  audit: (entry) => void audited.push(entry),
});
after(() => api.stop());

async function clientOf(scope: "caller" | "operator", tenant: TenantId = tenantId) {
  const { secret } = await createKey(context, tenant, { owner: "nurse.jones", scope });
  return createClient(
    RunService,
    createGrpcTransport({
      baseUrl: api.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${secret}`);
          return next(request);
        },
      ],
    }),
  );
}
const operator = await clientOf("operator");

await put(
  rig,
  `${workflowSource.replace("notes.save", "notes.titled")}outputs:
  { type: object, required: [title], properties: { title: { type: string } } }
result: { title: "\${inputs.text}" }
`,
);
await put(
  rig,
  `${workflowSource.replace("notes.save", "notes.verified")}verify: { steps: [ { assert: { window: Saved } } ] }\n`,
);

beforeEach(() => clear(rig));

/** A run that ended UNKNOWN: its commit step failed when some input had reached the desktop. */
const note = "Chart 7 was looked at.";

async function unknownRun(workflow = "notes.save"): Promise<{ id: RunId; machine: TestMachine }> {
  await clear(rig);
  const machine = await TestMachine.idle(rig);
  const id = await begin(rig, { workflow });
  await placeAll(context);
  await machine.upTo("save");
  await machine.report({ input: "some", failure: { category: "NOT_DONE", message: "" } });
  return { id, machine };
}

async function refusal(call: Promise<unknown>) {
  const error = await call.then(() => assert.fail("it was taken"), ConnectError.from);
  const fields = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map(({ field }) => field));
  return [error.findDetails(ErrorInfoSchema)[0]?.reason ?? Code[error.code], ...fields];
}

/** What a watcher of the run is told after the number. */
async function watched(runId: string, afterEvent: bigint): Promise<string[]> {
  const seen: string[] = [];
  for await (const { event } of operator.watchRun({ runId, afterEvent }, { timeoutMs: 5_000 })) {
    if (event !== undefined)
      seen.push(
        `${event.number} ${RunEventKindSchema.value[event.kind]?.localName} ${OutcomeSchema.value[event.outcome]?.localName}`,
      );
  }
  return seen;
}

test("a person who found the record settles the run as SUCCEEDED, with outputs, and watchers are told (G4, G8)", async () => {
  const { id } = await unknownRun("notes.titled");
  assert.equal(await told(rig, id), "UNKNOWN UNKNOWN");
  const before = await kinds(rig, id);
  assert.deepEqual((await watched(id, BigInt(before.length - 1))).length, 1, "its end, and then the stream is closed");
  const evidence = (await operator.getRun({ runId: id })).run?.failureContext;
  assert.deepEqual([evidence?.attempt, evidence?.timeline.at(-1)?.step], [1, "save"]);
  audited.length = 0;
  const request = { runId: id, resolveAs: ResolveAs.SUCCEEDED, outputs: { title: "seen" }, note: "Chart 7 shows it." };
  const { run } = await operator.resolveRun(request);
  assert.deepEqual(
    [run?.state, run?.outcome, run?.commitLabel],
    [RunState.ENDED, Outcome.SUCCEEDED, CommitLabel.AFTER_COMMIT],
  );
  assert.deepEqual(
    [run?.resolution?.by, run?.resolution?.note, run?.attempts.length],
    ["nurse.jones", "Chart 7 shows it.", 1],
  );
  assert.equal(run?.inputs, undefined);
  assert.deepEqual(run?.failureContext?.timeline, evidence?.timeline, "the evidence is in the answer");
  const [entry, ...more] = audited;
  assert.deepEqual(more, []);
  assert.ok(entry !== undefined && "decided" in entry && entry.decided === "run");
  assert.deepEqual([entry.decided, entry.runId, entry.as, entry.owner], ["run", id, "SUCCEEDED", "nurse.jones"]);
  assert.doesNotMatch(JSON.stringify(audited), /Chart/);
  assert.deepEqual(await kinds(rig, id), [...before, "RESOLVED", "ENDED"]);
  const rest = [`${before.length + 1} RESOLVED UNSPECIFIED`, `${before.length + 2} ENDED SUCCEEDED`];
  assert.deepEqual(await watched(id, BigInt(before.length)), rest, "who comes back with the number of the first ENDED");
  assert.deepEqual((await watched(id, 0n)).slice(before.length), rest, "who comes for the first time");
  const later = (await operator.getRun({ runId: id })).run;
  assert.equal(later?.failureContext, undefined);
  assert.deepEqual(later?.outputs, { title: "seen" });
  const [listed] = (await operator.listRuns({ pageSize: 1 })).runs;
  assert.deepEqual([listed?.id, listed?.resolution], [id, undefined]);
});

test("settled as FAILED it says whether it may be started again; settled as RETRY it is tried again", async () => {
  const one = (await unknownRun()).id;
  const failed = (await operator.resolveRun({ runId: one, resolveAs: ResolveAs.FAILED, note })).run;
  assert.deepEqual([failed?.outcome, failed?.commitLabel], [Outcome.FAILED, CommitLabel.UNKNOWN]);
  const two = (await unknownRun()).id;
  const safe = await operator.resolveRun({ runId: two, resolveAs: ResolveAs.FAILED, note, nothingCommitted: true });
  assert.equal(safe.run?.commitLabel, CommitLabel.BEFORE_COMMIT);

  const { id, machine } = await unknownRun();
  const again = (await operator.resolveRun({ runId: id, resolveAs: ResolveAs.RETRY, note })).run;
  assert.equal(again?.state, RunState.QUEUED);
  assert.deepEqual((await kinds(rig, id)).slice(-3), ["ENDED", "RESOLVED", "REQUEUED"]);
  await placeAll(context);
  await machine.upTo("leave");
  await machine.report();
  assert.equal(await told(rig, id), "SUCCEEDED AFTER_COMMIT");
  assert.equal((await operator.getRun({ runId: id })).run?.resolution?.resolvedAs, ResolveAs.RETRY);
});

test("of two who settle a run at once one is taken and the other refused (G4)", async () => {
  const { id } = await unknownRun();
  const both = await Promise.allSettled([
    operator.resolveRun({ runId: id, resolveAs: ResolveAs.SUCCEEDED, note }),
    operator.resolveRun({ runId: id, resolveAs: ResolveAs.RETRY, note }),
  ]);
  const refused = both.filter((each) => each.status === "rejected");
  assert.equal(refused.length, 1);
  assert.deepEqual(await refusal(Promise.reject(refused[0]?.reason)), ["RUN_NOT_UNKNOWN"]);
  assert.equal((await kinds(rig, id)).filter((kind) => kind === "RESOLVED").length, 1);
});

test("only a run that has ended UNKNOWN is settled, by an operator, with what fits", async () => {
  const { id: titled } = await unknownRun("notes.titled");
  const succeed = { runId: titled, resolveAs: ResolveAs.SUCCEEDED, note };
  assert.deepEqual(await refusal(operator.resolveRun(succeed)), ["OUTPUTS_INVALID", "outputs"]);
  const wrong = operator.resolveRun({ ...succeed, outputs: { title: 7 } });
  assert.deepEqual(await refusal(wrong), ["OUTPUTS_INVALID", "outputs.title"]);
  assert.equal(await told(rig, titled), "UNKNOWN UNKNOWN");
  const beside = { runId: titled, resolveAs: ResolveAs.RETRY, note };
  assert.deepEqual(await refusal(operator.resolveRun({ ...beside, outputs: {} })), ["InvalidArgument", ""]);
  assert.deepEqual(await refusal(operator.resolveRun({ ...beside, nothingCommitted: true })), ["InvalidArgument", ""]);
  assert.deepEqual(await refusal(operator.resolveRun({ runId: titled, note })), ["InvalidArgument", "resolve_as"]);
  assert.deepEqual(await refusal(operator.resolveRun({ ...beside, note: "" })), ["InvalidArgument", "note"]);
  assert.deepEqual(await refusal((await clientOf("caller")).resolveRun(beside)), ["SCOPE_INSUFFICIENT"]);

  const elsewhere = crypto.randomUUID() as TenantId;
  await rig.database.sql`insert into tenants (id, name, created_at) values (${elsewhere}, ${elsewhere}, now())`;
  const theirs = (await clientOf("operator", elsewhere)).resolveRun(beside);
  assert.deepEqual(await refusal(theirs), ["RUN_NOT_FOUND"], "another tenant's (G12)");

  await clear(rig);
  const waits = await begin(rig);
  const resolve = (runId: string) => operator.resolveRun({ runId, resolveAs: ResolveAs.FAILED, note });
  assert.deepEqual(await refusal(resolve(waits)), ["RUN_NOT_UNKNOWN"]);
  await cancelRun(context, tenantId, waits);
  assert.deepEqual(await refusal(resolve(waits)), ["RUN_NOT_UNKNOWN"]);
});

test("while verify is at work a run cannot be settled; a cancel ends that, and then it can", async () => {
  const { id } = await unknownRun("notes.verified");
  assert.equal(await told(rig, id), "unsettled");
  const resolve = () => operator.resolveRun({ runId: id, resolveAs: ResolveAs.FAILED, note });
  await assert.rejects(resolve(), /verify steps are still to find out.* cancel it/);
  assert.equal((await cancelRun(context, tenantId, id)).ok, true);
  assert.equal(await told(rig, id), "UNKNOWN UNKNOWN");
  await resolve();
  assert.equal(await told(rig, id), "FAILED UNKNOWN");
});
