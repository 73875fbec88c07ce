// The whole API over the real store and engine: what is put, started and made is there when it is asked for.

import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { ApplicationService } from "../../../proto/gen/drover/v1/application_pb.ts";
import { ArtifactKind, ArtifactService } from "../../../proto/gen/drover/v1/artifact_pb.ts";
import { RunEventKind } from "../../../proto/gen/drover/v1/event_pb.ts";
import { KeyService, Scope } from "../../../proto/gen/drover/v1/key_pb.ts";
import { MachineService, MachineStatus } from "../../../proto/gen/drover/v1/machine_pb.ts";
import { Outcome } from "../../../proto/gen/drover/v1/outcome_pb.ts";
import { QueueService } from "../../../proto/gen/drover/v1/queue_pb.ts";
import { ReleaseService, RolloutState, StopReason } from "../../../proto/gen/drover/v1/release_pb.ts";
import { RunService, RunState } from "../../../proto/gen/drover/v1/run_pb.ts";
import { WorkflowService } from "../../../proto/gen/drover/v1/workflow_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { saveHealthFrame } from "../../../server/engine/artifacts.ts";
import { enrol } from "../../../server/engine/enrolling.ts";
import { createKey } from "../../../server/engine/keys.ts";
import type { TenantId } from "../../../server/rules/names.ts";
import { application, reasonOf, serveReal, workflow } from "./real.ts";

test("applications and workflows are put, versioned, listed by page and refused line by line", async (t) => {
  const { as, admin } = await serveReal(t);
  const applications = createClient(ApplicationService, as(admin));
  const workflows = createClient(WorkflowService, as(admin));
  const source = application;
  assert.equal((await applications.putApplication({ source })).application?.version, 1);
  assert.equal((await applications.putApplication({ source })).application?.version, 1);
  assert.equal((await applications.putApplication({ source: `${source}\n# more\n` })).application?.version, 2);
  assert.equal((await applications.getApplication({ name: "mousepad", version: 1 })).application?.source, source);
  assert.equal((await applications.getApplication({ name: "mousepad" })).application?.version, 2);
  assert.equal(await reasonOf(applications.getApplication({ name: "nobody" })), "APPLICATION_NOT_FOUND");

  const saved = await workflows.putWorkflow({ source: workflow });
  assert.equal(saved.workflow?.application, "mousepad");
  assert.ok(saved.workflow?.createdAt && saved.workflow.inputsSchema?.["properties"]);
  for (const name of ["b", "a-a", "A", "a.a", "c"]) {
    await applications.putApplication({
      source: source.replace("application: mousepad", `application: app${name.toLowerCase()}${name.length}`),
    });
  }
  const names: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await applications.listApplications({ pageSize: 2, pageToken });
    names.push(...page.applications.map(({ name }) => name));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(names, names.toSorted());
  assert.equal(names.length, 6);
  assert.equal(await reasonOf(workflows.listWorkflows({ pageToken: "nonsense" })), "PAGE_TOKEN_INVALID");

  const bad = await workflows
    .putWorkflow({ source: "workflow: x\napplication: mousepad\nsteps: [ { clik: 3 } ]\n" })
    .then(() => assert.fail("taken"), ConnectError.from);
  assert.equal(bad.findDetails(ErrorInfoSchema)[0]?.reason, "DEFINITION_INVALID");
  assert.match(bad.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.description ?? "", /^line \d+/);
});

test("runs are started, found by their key, watched, cancelled and listed, and seen by their own tenant only", async (t) => {
  const { as, admin, context, audited } = await serveReal(t);
  const runs = createClient(RunService, as(admin));
  const inputs = { path: "/tmp/note", text: "private" };
  assert.equal(await reasonOf(runs.startRun({ workflow: "notes.save", inputs })), "WORKFLOW_NOT_FOUND");
  await createClient(ApplicationService, as(admin)).putApplication({ source: application });
  await createClient(WorkflowService, as(admin)).putWorkflow({ source: workflow });
  assert.equal(await reasonOf(runs.startRun({ workflow: "notes.save", inputs: { path: 7 } })), "INPUTS_INVALID");

  const { run, existed } = await runs.startRun({ workflow: "notes.save", inputs, idempotencyKey: "k", priority: 7 });
  assert.deepEqual([run?.state, run?.lastEvent, run?.priority, existed], [RunState.QUEUED, 1n, 7, false]);
  assert.equal(run?.inputs, undefined);
  const again = await runs.startRun({ workflow: "notes.save", inputs, idempotencyKey: "k" });
  assert.deepEqual([again.run?.id, again.existed], [run?.id, true]);
  const reused = runs.startRun({ workflow: "notes.save", inputs: { ...inputs, text: "other" }, idempotencyKey: "k" });
  assert.equal(await reasonOf(reused), "IDEMPOTENCY_KEY_REUSED");

  const runId = run?.id ?? "";
  const got = await runs.getRun({ runId: runId.toUpperCase() });
  assert.deepEqual([got.run?.inputs, got.run?.attempts], [inputs, []]);
  assert.deepEqual(
    audited.map((entry) => "viewed" in entry && entry.viewed),
    ["run"],
  );

  const kinds: (RunEventKind | undefined)[] = [];
  for await (const { event } of runs.watchRun({ runId })) {
    kinds.push(event?.kind);
    if (event?.kind === RunEventKind.QUEUED) await runs.cancelRun({ runId });
  }
  assert.deepEqual(kinds, [RunEventKind.QUEUED, RunEventKind.CANCEL_REQUESTED, RunEventKind.ENDED]);
  assert.equal((await runs.getRun({ runId })).run?.outcome, Outcome.CANCELLED);
  assert.equal(await reasonOf(runs.cancelRun({ runId })), "RUN_ENDED");

  const many = await runs.startRuns({
    runs: [...Array.from({ length: 20 }, () => ({ workflow: "notes.save", inputs })), { workflow: "no.such" }],
  });
  assert.deepEqual(
    many.results.map(({ result }) => result.case),
    [...Array(20).fill("started"), "refusal"],
  );
  const listed: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await runs.listRuns({ workflow: "notes.save", state: RunState.QUEUED, pageSize: 7, pageToken });
    listed.push(...page.runs.map(({ id }) => id));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.equal(new Set(listed).size, 20);
  assert.deepEqual(listed, listed.toSorted().toReversed());
  assert.equal((await runs.listRuns({ outcome: Outcome.CANCELLED })).runs.length, 1);

  const tenant = randomUUID() as TenantId;
  await context.database.sql`insert into tenants (id, name, created_at) values (${tenant}, 'other', now())`;
  const stranger = await createKey(context, tenant, { owner: "x", scope: "admin" });
  const others = createClient(RunService, as(stranger.secret));
  assert.equal(await reasonOf(others.getRun({ runId })), "RUN_NOT_FOUND");
  assert.equal(await reasonOf(others.cancelRun({ runId })), "RUN_NOT_FOUND");
  assert.deepEqual((await others.listRuns({})).runs, []);
  assert.equal(
    await reasonOf(createClient(ArtifactService, as(stranger.secret)).listArtifacts({ runId })),
    "RUN_NOT_FOUND",
  );
});

test("keys are made, listed, scoped, and end when they are revoked or have lived", async (t) => {
  const { as, admin } = await serveReal(t);
  const keys = createClient(KeyService, as(admin));
  const { key, secret } = await keys.createKey({ owner: "ward 3", scope: Scope.CALLER });
  assert.match(secret, /^drover_key_/);
  const runs = createClient(RunService, as(secret));
  await runs.listRuns({});
  assert.equal(await reasonOf(createClient(KeyService, as(secret)).listKeys({})), "SCOPE_INSUFFICIENT");
  const listed = (await keys.listKeys({})).keys;
  assert.deepEqual(
    listed.map(({ owner, revoked }) => [owner, revoked]),
    [
      ["ward 3", false],
      ["first admin", false],
    ],
  );
  assert.equal((await keys.revokeKey({ keyId: key?.id ?? "" })).key?.revoked, true);
  assert.equal((await keys.revokeKey({ keyId: key?.id ?? "" })).key?.revoked, true);
  assert.equal(await reasonOf(runs.listRuns({})), "UNAUTHENTICATED");
  assert.equal(await reasonOf(keys.revokeKey({ keyId: randomUUID() })), "KEY_NOT_FOUND");

  const brief = await keys.createKey({
    owner: "x",
    scope: Scope.CALLER,
    lifetime: { seconds: 0n, nanos: 300_000_000 },
  });
  assert.ok(brief.key?.expiresAt);
  const watching = createClient(RunService, as(brief.secret));
  const deadline = Date.now() + 3_000;
  while (
    Date.now() < deadline &&
    (await watching.listRuns({}).then(
      () => true,
      () => false,
    ))
  );
  assert.equal(await reasonOf(watching.listRuns({})), "UNAUTHENTICATED");
});

test("machines enrol by token, are found by name or id, are cordoned and drained, and who looked or did so is audited", async (t) => {
  const { as, admin, context, audited } = await serveReal(t);
  const machines = createClient(MachineService, as(admin));
  const { token, secret } = await machines.createEnrolmentToken({ uses: 2 });
  assert.deepEqual([token?.pool, token?.usesLeft], ["default", 2]);
  const enrolled = await enrol(context, secret, "vm-1");
  assert.equal(enrolled.is, "enrolled");
  await enrol(context, secret, "vm-2");
  const page = await machines.listMachines({ status: MachineStatus.OFFLINE, pool: "default", pageSize: 1 });
  assert.deepEqual([page.machines.map(({ name }) => name), page.nextPageToken === ""], [["vm-1"], false]);
  const { machine } = await machines.getMachine({ machine: "vm-1" });
  assert.equal((await machines.getMachine({ machine: machine?.id ?? "" })).machine?.name, "vm-1");
  assert.equal(await reasonOf(machines.getMachine({ machine: "vm-9" })), "MACHINE_NOT_FOUND");
  assert.equal(await reasonOf(machines.getScreenshot({ machine: "vm-1" })), "SCREENSHOT_NOT_FOUND");
  assert.ok(enrolled.is === "enrolled");
  await saveHealthFrame(context, enrolled.machineId, new Uint8Array([1, 2, 3]));
  const shot = await machines.getScreenshot({ machine: "vm-1" });
  assert.deepEqual([[...shot.png], shot.takenAt === undefined], [[1, 2, 3], false]);
  assert.deepEqual(
    audited.map((entry) => "viewed" in entry && entry.viewed),
    ["screenshot"],
  );
  const cordoned = (await machines.cordonMachine({ machine: "vm-1" })).machine;
  assert.deepEqual([cordoned?.cordoned, cordoned?.drainDeadline], [true, undefined]);
  const asked = Date.now();
  const draining = (await machines.drainMachine({ machine: "vm-1" })).machine?.drainDeadline;
  assert.ok(draining !== undefined && Math.abs(timestampMs(draining) - asked - 600_000) < 5_000);
  const later = (await machines.drainMachine({ machine: "vm-1", timeout: { seconds: 5n } })).machine?.drainDeadline;
  assert.ok(later !== undefined && timestampMs(later) < timestampMs(draining));
  assert.equal((await machines.releaseMachine({ machine: "vm-1" })).machine?.status, MachineStatus.OFFLINE);
  const open = (await machines.uncordonMachine({ machine: "vm-1" })).machine;
  assert.deepEqual([open?.cordoned, open?.drainDeadline], [false, undefined]);
  assert.deepEqual(
    audited.flatMap((entry) => ("decided" in entry && entry.owner === "first admin" ? [entry.as] : [])),
    ["cordoned", "drained", "drained", "released", "uncordoned"],
  );
  await context.database.sql`
    update machines set hold = 'HUMAN_PRESENT', desktop = 'STUCK', unready_verdict = 'FROZEN', unready_until = to_timestamp(9),
      unclean_attempt_id = id where name = 'vm-1'`;
  await context.database.sql`
    insert into halts (id, tenant_id, kind, target, reason, halted_by, halted_at)
    select gen_random_uuid(), tenant_id, 'pool', pool_id, '', 'x', now() from machines where name = 'vm-1'`;
  const kept = (await machines.getMachine({ machine: "vm-1" })).machine;
  assert.deepEqual(
    [kept?.holdReason, kept?.desktop, kept?.unreadyVerdict, kept?.unclean, kept?.halted],
    ["HUMAN_PRESENT", "STUCK", "FROZEN", true, true],
  );
  assert.equal(kept?.unreadyUntil?.seconds, 9n);
  assert.equal((await machines.revokeMachine({ machine: "vm-1" })).machine?.revoked, true);
  assert.equal((await machines.revokeEnrolmentToken({ tokenId: token?.id ?? "" })).token?.revoked, true);
  assert.deepEqual(
    (await machines.listEnrolmentTokens({})).tokens.map(({ usesLeft }) => usesLeft),
    [0],
  );
  const artifacts = createClient(ArtifactService, as(admin));
  assert.equal(await reasonOf(artifacts.getArtifact({ artifactId: randomUUID() })), "ARTIFACT_NOT_FOUND");
  assert.equal(ArtifactKind.FRAME, 1);
});

test("operators pause, limit and move to the front what callers have started, for later too, each in their own tenant", async (t) => {
  const { as, admin, context, audited } = await serveReal(t);
  const [queue, runs] = [createClient(QueueService, as(admin)), createClient(RunService, as(admin))];
  await createClient(ApplicationService, as(admin)).putApplication({ source: application });
  await createClient(WorkflowService, as(admin)).putWorkflow({ source: workflow });
  const otherTenant = randomUUID() as TenantId;
  await context.database.sql`insert into tenants (id, name, created_at) values (${otherTenant}, 'other', now())`;
  const { secret: other } = await createKey(context, otherTenant, { owner: "x", scope: "admin" });
  const target = { target: { case: "workflow", value: "notes.save" } } as const;
  const nothing = { target: { case: "application", value: "nothing" } } as const;
  assert.equal((await queue.pause({ target, reason: "INC-17" })).pause?.by, "first admin");
  assert.equal(await reasonOf(queue.pause({ target: nothing })), "APPLICATION_NOT_FOUND");
  assert.equal((await queue.setLimit({ target, max: 3 })).limit?.used, 0);
  assert.equal(await reasonOf(queue.setLimit({ target: nothing, max: 3 })), "APPLICATION_NOT_FOUND");
  const theirs = createClient(QueueService, as(other));
  assert.deepEqual([(await theirs.listPauses({})).pauses, (await theirs.listLimits({})).limits], [[], []]);
  assert.equal(await reasonOf(theirs.pause({ target })), "WORKFLOW_NOT_FOUND");
  assert.equal((await theirs.unpause({ target })).pause, undefined);
  await theirs.removeLimit({ target });
  assert.deepEqual(
    [(await queue.listPauses({})).pauses.length, (await queue.listLimits({})).limits.length],
    [1, 1],
    "nobody ends what is another's",
  );

  const inputs = { path: "/tmp/a", text: "hello" };
  const at = timestampFromMs(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000);
  const start = (notBefore = at) => runs.startRun({ workflow: "notes.save", inputs, notBefore });
  const run = (await start()).run;
  assert.ok(run !== undefined);
  assert.deepEqual(run.waitingSince, at);
  assert.deepEqual([run.notBefore, run.caller, run.pool, run.movedToFront], [at, "first admin", "default", false]);
  assert.match(String(await reasonOf(start(timestampFromMs(Date.now() + 31 * 86_400_000)))), /^InvalidArgument/);
  assert.equal((await runs.moveRunToFront({ runId: run.id })).run?.movedToFront, true);
  assert.equal(await reasonOf(createClient(RunService, as(other)).moveRunToFront({ runId: run.id })), "RUN_NOT_FOUND");
  const of = async (caller: string) => (await runs.listRuns({ caller })).runs.map(({ id }) => id);
  assert.deepEqual([await of("first admin"), await of("somebody")], [[run.id], []]);
  await runs.cancelRun({ runId: run.id });
  assert.equal(await reasonOf(runs.moveRunToFront({ runId: run.id })), "RUN_NOT_WAITING");
  const ended = (await runs.getRun({ runId: run.id })).run;
  assert.deepEqual([ended?.movedToFront, ended?.notBefore, ended?.waitingSince], [false, undefined, undefined]);
  assert.deepEqual(
    audited.flatMap((entry) => ("decided" in entry && entry.owner === "first admin" ? [entry.as] : [])),
    ["paused", "limited", "moved-to-front"],
  );
});

test("a release is uploaded piece by piece, goes on where it broke off, and is checked when it is whole", async (t) => {
  const { as, admin, context } = await serveReal(t);
  const releases = createClient(ReleaseService, as(admin));
  const mib = 1_048_576;
  const bytes = randomBytes(2 * mib + 100);
  const announced = {
    version: "1.2.0",
    executable: "linux-x64",
    sizeBytes: BigInt(bytes.length),
    sha256: createHash("sha256").update(bytes).digest(),
    signature: randomBytes(64),
  };
  assert.equal(await reasonOf(releases.getRollout({})), "ROLLOUT_NOT_FOUND");
  const start = () => releases.startRollout({ version: "1.2.0" });
  const { release } = await releases.addRelease(announced);
  const releaseId = release?.id ?? assert.fail();
  const send = async (at: number, data = bytes.subarray(at, at + mib)) =>
    (await releases.uploadRelease({ releaseId, offset: BigInt(at), data })).release;
  assert.equal((await send(0))?.receivedBytes, BigInt(mib));
  assert.equal((await send(2 * mib))?.receivedBytes, BigInt(mib), "a piece too far on is left aside");
  assert.equal((await send(0))?.receivedBytes, BigInt(mib), "and so is one that is there");
  assert.equal(await reasonOf(send(mib, bytes.subarray(mib, mib + 5))), "RELEASE_CORRUPT");
  assert.equal(await reasonOf(start()), "RELEASE_NOT_FOUND");
  assert.equal((await releases.addRelease(announced)).release?.receivedBytes, BigInt(mib));
  await send(mib);
  const whole = await send(2 * mib);
  assert.deepEqual([whole?.complete, whole?.receivedBytes], [true, BigInt(bytes.length)]);
  assert.equal((await releases.addRelease(announced)).release?.complete, true);
  const other = { ...announced, signature: randomBytes(64) };
  assert.equal(await reasonOf(releases.addRelease(other)), "RELEASE_EXISTS");

  const wrong = { ...announced, version: "1.3.0", sizeBytes: 10n };
  const added = await releases.addRelease(wrong);
  const spoilt = { releaseId: added.release?.id ?? "", offset: 0n, data: bytes.subarray(0, 10) };
  assert.equal(await reasonOf(releases.uploadRelease(spoilt)), "RELEASE_CORRUPT");
  assert.equal(await context.blobs.get(`releases/${spoilt.releaseId}/0`), undefined);
  assert.equal(await reasonOf(releases.uploadRelease(spoilt)), "RELEASE_NOT_FOUND");
  assert.deepEqual(
    (await releases.listReleases({})).releases.map(({ version }) => version),
    ["1.2.0"],
  );

  assert.equal((await start()).rollout?.state, RolloutState.RUNNING_CANARY);
  assert.equal(await reasonOf(start()), "ROLLOUT_RUNNING");
  const stopped = (await releases.stopRollout({})).rollout;
  assert.deepEqual([stopped?.state, stopped?.stopReason], [RolloutState.STOPPED, StopReason.OPERATOR]);
  assert.equal((await releases.resumeRollout({})).rollout?.state, RolloutState.RUNNING_CANARY);
  await releases.stopRollout({});
  assert.equal((await start()).rollout?.soak?.seconds, 600n);

  // Another tenant sees nothing of it (G12).
  const { sql } = context.database;
  const tenant = randomUUID() as TenantId;
  await sql`insert into tenants (id, name, created_at) values (${tenant}, 'other', now())`;
  const { secret } = await createKey(context, tenant, { owner: "other", scope: "admin" });
  const theirs = createClient(ReleaseService, as(secret));
  assert.deepEqual((await theirs.listReleases({})).releases, []);
  assert.equal(await reasonOf(theirs.getRollout({})), "ROLLOUT_NOT_FOUND");
  assert.equal(await reasonOf(theirs.startRollout({ version: "1.2.0" })), "RELEASE_NOT_FOUND");
  assert.equal(await reasonOf(theirs.stopRollout({})), "ROLLOUT_NOT_FOUND");
  const foreign = { releaseId, offset: 0n, data: new Uint8Array(1) };
  assert.equal(await reasonOf(theirs.uploadRelease(foreign)), "RELEASE_NOT_FOUND");
});
