// A release on its way onto machines whose agents are fakes, over real sockets and a real Postgres with the engine's loops.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { beforeEach, type TestContext, test } from "node:test";
import { ReleaseFault, ReleaseState } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import { addRelease, uploadPiece } from "../../../server/engine/releases.ts";
import {
  resumeNewestRollout,
  startRollout,
  stopNewestRollout,
  viewRollout,
} from "../../../server/engine/rolling-out.ts";
import { until } from "../../agent/desktop/until.ts";
import { type FakeAgent, updatable } from "../../support/fake-agent.ts";
import { begin, clear, told } from "../engine/rig.ts";
import { dialler, startRigWithPort } from "./rig.ts";

const { rig, port } = await startRigWithPort();
const { context } = port.engine;
const { sql } = rig.database;
beforeEach(() => clear(rig));

/** A small release, uploaded. */
async function release(version: string): Promise<void> {
  const bytes = randomBytes(1_000);
  const sha256 = createHash("sha256").update(bytes).digest();
  const wanted = {
    version,
    executable: "linux-x64",
    sizeBytes: bytes.length,
    sha256,
    signature: Buffer.alloc(64),
  } as const;
  const added = await addRelease(context, rig.tenantId, wanted);
  assert.ok(added.ok && (await uploadPiece(context, rig.tenantId, added.value.id, 0, bytes)).ok);
}

/** Begins to roll a version out; stopped when the test ends. */
async function rollOut(t: TestContext, version: string, soakMs = 100): Promise<void> {
  await release(version);
  const begun = await startRollout(context, rig.tenantId, { version, canaryCount: 1, soakMs });
  assert.ok(begun.ok, JSON.stringify(begun));
  t.after(() => stopNewestRollout(context, rig.tenantId));
}

/** A machine that is gone for good when the test ends. Each `attach` is a new start of its agent. */
async function machineIn(t: TestContext) {
  const { machine, dial } = await dialler(t, rig, port);
  t.after(() => revokeMachine(context, rig.tenantId, machine.id));
  let starts = 0;
  const incarnation = () => ({ bootId: "boot-1", startId: `start-000${starts}`, holdsLock: true });
  return {
    machine,
    dial,
    incarnation,
    attach(agentVersion: string, changes = {}): Promise<FakeAgent> {
      starts++;
      return dial().attach(updatable(agentVersion, { incarnation: incarnation(), ...changes }));
    },
  };
}

/** Goes as it was told to, and is away when this resolves. */
async function leave(agent: FakeAgent, { machine }: Awaited<ReturnType<typeof machineIn>>): Promise<void> {
  agent.say({ case: "goodbye", value: {} });
  await until("its silence", async () => (await machine.status()) === "reattaching");
}

const canaryAmong = async (agents: readonly FakeAgent[], version: string): Promise<number> => {
  const chosen = await until("the canary", () => agents.find((a) => a.wantedVersion() === version));
  return agents.indexOf(chosen);
};

const state = async () => (await viewRollout(context, rig.tenantId))?.rollout.stage.is;

test("a version goes onto one canary, soaks, goes onto the rest, and is done", async (t) => {
  const machines = await Promise.all([machineIn(t), machineIn(t), machineIn(t)]);
  const agents = await Promise.all(machines.map((each) => each.attach("1.0.0")));
  await rollOut(t, "2.0.0", 1_500);
  const first = await canaryAmong(agents, "2.0.0");
  const [canary, canaryAgent] = [machines[first], agents[first]];
  assert.ok(canary !== undefined && canaryAgent !== undefined);
  const wanted = canaryAgent.all("wantedRelease").at(-1);
  assert.deepEqual([wanted?.executable, wanted?.sizeBytes, wanted?.sha256.length], ["linux-x64", 1_000n, 32]);
  assert.equal(await canary.machine.status(), "idle");

  canaryAgent.prepared("2.0.0");
  assert.equal((await canaryAgent.heardOf("releaseGrant")).version, "2.0.0");
  assert.equal(await canary.machine.status(), "busy");
  await leave(canaryAgent, canary);
  const back = await canary.attach("2.0.0");
  assert.equal((await canary.machine.row())["leaseId"], null);
  assert.equal((await back.heardOf("wantedRelease")).version, "");
  assert.equal(await state(), "running_canary");
  const others = agents.filter((agent) => agent !== canaryAgent);
  assert.deepEqual(
    others.map((agent) => agent.wantedVersion()),
    ["", ""],
  );

  await until("the end of the soak", async () => (await state()) === "running_rest");
  for (const [i, agent] of agents.entries()) {
    const machine = machines[i];
    if (machine === undefined || agent === canaryAgent) continue;
    await until("it is wanted here too", () => agent.wantedVersion() === "2.0.0");
    agent.prepared("2.0.0");
    await agent.heardOf("releaseGrant");
    await leave(agent, machine);
    await machine.attach("2.0.0");
  }
  await until("the end", async () => (await state()) === "done");
  assert.equal((await viewRollout(context, rig.tenantId))?.rest.updated, 2);

  const late = await machineIn(t);
  const lateAgent = await late.attach("1.0.0");
  await until("one that comes later is told", () => lateAgent.wantedVersion() === "2.0.0");
  lateAgent.prepared("2.0.0");
  await lateAgent.heardOf("releaseGrant");
});

test("a machine that was told to restart is given no run, and the run that waits is done by the new release (G1)", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("2.0.0");
  await rollOut(t, "3.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "3.0.0");
  const { epoch } = await one.machine.row();
  agent.prepared("3.0.0");
  await agent.heardOf("releaseGrant");
  const run = await begin(rig);
  const [lease] = await sql`
    select purpose, attempt_id, epoch from leases where machine_id = ${one.machine.id} and ended_at is null`;
  assert.deepEqual(lease, { purpose: "service", attemptId: null, epoch: epoch + 1 });
  const assignment = await until("the new epoch", () => agent.all("assignment").find((a) => Number(a.epoch) > epoch));
  assert.equal(assignment.lease, undefined);

  // Its socket is cut before it went: it is the same agent, still on its way out.
  agent.stop();
  const again = await one.dial().attach(updatable("2.0.0", { incarnation: one.incarnation(), dialNumber: 2n }));
  again.prepared("3.0.0");
  await again.heardOf("releaseGrant");
  assert.equal(await one.machine.status(), "busy");
  assert.equal(await told(rig, run), "queued");

  await leave(again, one);
  const back = await one.attach("3.0.0");
  await back.assigned(1);
  assert.equal(await told(rig, run), "running");
  const [part] = await sql`select granted_at, grants from rollout_machines where machine_id = ${one.machine.id}`;
  assert.deepEqual(part, { grantedAt: null, grants: 1 });
});

test("a machine that is always at work is kept free when its turn comes, and its run is finished first", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("3.0.0");
  const first = await begin(rig);
  await agent.assigned(1);
  const second = await begin(rig);
  await rollOut(t, "4.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "4.0.0");
  agent.prepared("4.0.0");
  await until("it is kept free", async () => {
    const [row] = await sql`select kept_free from machines where id = ${one.machine.id}`;
    return row?.["keptFree"];
  });
  assert.equal(agent.all("releaseGrant").length, 0);
  while ((await told(rig, first)) === "running") await one.machine.report();
  await agent.heardOf("releaseGrant");
  assert.equal(await told(rig, second), "queued");
  await leave(agent, one);
  const back = await one.attach("4.0.0");
  await back.assigned(1);
  assert.equal(await told(rig, second), "running");
});

test("a canary that comes back as what it was stops the rollout; resumed, it goes on without that one", async (t) => {
  const machines = await Promise.all([machineIn(t), machineIn(t)]);
  const agents = await Promise.all(machines.map((each) => each.attach("1.0.0")));
  await rollOut(t, "5.0.0");
  const first = await canaryAmong(agents, "5.0.0");
  const [canary, agent] = [machines[first], agents[first]];
  const other = agents[1 - first];
  assert.ok(canary !== undefined && agent !== undefined && other !== undefined);
  agent.prepared("5.0.0");
  await agent.heardOf("releaseGrant");
  await leave(agent, canary);
  const failedRelease = {
    version: "5.0.0",
    state: ReleaseState.FAILED,
    fault: ReleaseFault.NOT_ATTACHED,
  };
  const back = await canary.attach("1.0.0", { failedRelease });
  await until("the stop", async () => (await state()) === "stopped");
  const view = await viewRollout(context, rig.tenantId);
  assert.deepEqual(view?.rollout.stage, { is: "stopped", from: "running_canary", reason: "FAILURES" });
  assert.deepEqual(view?.failures, [{ machine: canary.machine.name, fault: "NOT_ATTACHED", accepted: false }]);
  assert.equal(await canary.machine.status(), "idle");
  await until("it is wanted nowhere", () => back.wantedVersion() === "" && other.wantedVersion() === "");
  assert.equal(other.all("releaseGrant").length, 0);

  assert.ok((await resumeNewestRollout(context, rig.tenantId)).ok);
  await until("the next canary", () => other.wantedVersion() === "5.0.0");
  assert.equal(await state(), "running_canary");
  assert.equal(back.wantedVersion(), "");
});

test("an agent that will not go frees its machine at once; one that does not go frees it when the lease ends", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "6.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "6.0.0");
  agent.prepared("6.0.0");
  await agent.heardOf("releaseGrant");
  agent.say({
    case: "releaseReport",
    value: { version: "6.0.0", state: ReleaseState.FAILED, fault: ReleaseFault.DISK },
  });
  await until("it is free", async () => (await one.machine.status()) === "idle");
  await until("the stop", async () => (await state()) === "stopped");

  await rollOut(t, "6.1.0");
  await until("the next is wanted", () => agent.wantedVersion() === "6.1.0");
  agent.prepared("6.1.0");
  await agent.heardOf("releaseGrant", 2);
  const long = "interval '1 hour'";
  await sql`update leases set deadline_at = deadline_at - ${sql.unsafe(long)} where ended_at is null`;
  await until("it is free again", async () => (await one.machine.status()) === "idle");
  assert.equal(agent.ended, undefined);
  await sql`update rollout_machines set granted_at = granted_at - ${sql.unsafe(long)} where granted_at is not null`;
  await until("the stop", async () => (await state()) === "stopped");
  assert.equal((await viewRollout(context, rig.tenantId))?.failures[0]?.fault, "NOT_BACK");
});

test("an operator's stop ends it at once: nobody is told of the version any more", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "7.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "7.0.0");
  assert.ok((await stopNewestRollout(context, rig.tenantId)).ok);
  await until("it is wanted no more", () => agent.wantedVersion() === "");
  agent.prepared("7.0.0");
  await until("it was said", async () => {
    const [row] = await sql`select release_state from machines where id = ${one.machine.id}`;
    return row?.["releaseState"] === "prepared";
  });
  assert.equal(await state(), "stopped");
  assert.equal(await one.machine.status(), "idle");
  assert.ok((await resumeNewestRollout(context, rig.tenantId)).ok);
  await agent.heardOf("releaseGrant");
});

test("an agent that finds its release ready only after it was told to restart is told again", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "8.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "8.0.0");
  // Stopped before the agent has said it, resumed after: the machine is granted at once, while the agent looks anew.
  assert.ok((await stopNewestRollout(context, rig.tenantId)).ok);
  await until("it is wanted no more", () => agent.wantedVersion() === "");
  await sql`update machines set release_version = '8.0.0', release_state = 'prepared' where id = ${one.machine.id}`;
  assert.ok((await resumeNewestRollout(context, rig.tenantId)).ok);
  await agent.heardOf("releaseGrant");
  assert.equal(agent.wantedVersion(), "8.0.0");
  agent.prepared("8.0.0");
  assert.equal((await agent.heardOf("releaseGrant", 2)).version, "8.0.0");
});

test("the newest rollout is the one that was started last, whatever the clocks of the replicas said", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  // As a replica would have made it whose clock is centuries ahead.
  const id = "ffffffff-ffff-7fff-bfff-ffffffffffff";
  await sql`
    insert into rollouts (id, tenant_id, version, state, state_since, soak_ms, created_at)
    values (${id}, ${rig.tenantId}, '8.9.0', 'done', now() - interval '1 hour', 1, now() - interval '1 hour')`;
  t.after(() => sql`delete from rollouts where id = ${id}`);
  await rollOut(t, "9.0.0");
  assert.equal((await viewRollout(context, rig.tenantId))?.rollout.version, "9.0.0");
  await until("it is wanted", () => agent.wantedVersion() === "9.0.0");
  agent.prepared("9.0.0");
  await agent.heardOf("releaseGrant");
});

test("a canary that is replaced is told so, and told of the version again when it is chosen again", async (t) => {
  const machines = await Promise.all([machineIn(t), machineIn(t)]);
  const agents = await Promise.all(machines.map((each) => each.attach("1.0.0")));
  await rollOut(t, "9.1.0");
  const first = await canaryAmong(agents, "9.1.0");
  const [canary, agent, other] = [machines[first], agents[first], agents[1 - first]];
  assert.ok(canary !== undefined && agent !== undefined && other !== undefined);
  // Away and back between two looks of its stream's replica at what is wanted here.
  await sql`update machines set status = 'offline' where id = ${canary.machine.id}`;
  await until("the other one is chosen", () => other.wantedVersion() === "9.1.0");
  await until("it is told", () => agent.wantedVersion() === "");
  await sql`update machines set status = 'idle' where id = ${canary.machine.id}`;
  await sql`update machines set status = 'offline' where id = ${machines[1 - first]?.machine.id ?? ""}`;
  await until("it is told again", () => agent.wantedVersion() === "9.1.0");
});

test("a rollout names the machines that cannot download the version", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "9.2.0");
  await until("it is wanted", () => agent.wantedVersion() === "9.2.0");
  const fault = ReleaseFault.DOWNLOAD;
  agent.say({ case: "releaseReport", value: { version: "9.2.0", state: ReleaseState.FAILED, fault } });
  const view = await until("it is shown", async () => {
    const now = await viewRollout(context, rig.tenantId);
    return now !== undefined && now.retrying.length > 0 ? now : undefined;
  });
  assert.deepEqual([view.retrying, view.canaries.waiting, view.failures], [[one.machine.name], 1, []]);
  assert.equal(view.rollout.stage.is, "running_canary");
});

test("a canary whose new agent dies again and again stops the rollout; one that was booted does not", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "9.3.0", 60_000);
  await until("it is wanted", () => agent.wantedVersion() === "9.3.0");
  agent.prepared("9.3.0");
  await agent.heardOf("releaseGrant");
  await leave(agent, one);
  const starts = async () => {
    const [part] = await sql`select starts from rollout_machines where machine_id = ${one.machine.id}`;
    return part?.["starts"];
  };
  const incarnations = [
    // Only its socket was cut: the same agent.
    [{ bootId: "boot-1", startId: "start-first" }, 1n, 1],
    [{ bootId: "boot-1", startId: "start-first" }, 2n, 1],
    [{ bootId: "boot-1", startId: "start-again" }, 1n, 2],
    [{ bootId: "boot-2", startId: "start-booted" }, 1n, 1],
    [{ bootId: "boot-2", startId: "start-crash-1" }, 1n, 2],
    [{ bootId: "boot-2", startId: "start-crash-2" }, 1n, 3],
  ] as const;
  for (const [incarnation, dialNumber, expected] of incarnations) {
    assert.equal(await state(), "running_canary");
    const started = await one
      .dial()
      .attach(updatable("9.3.0", { incarnation: { ...incarnation, holdsLock: true }, dialNumber }));
    assert.equal(await starts(), expected, incarnation.startId);
    await leave(started, one);
  }
  await until("the stop", async () => (await state()) === "stopped");
  const failures = (await viewRollout(context, rig.tenantId))?.failures;
  assert.deepEqual(failures, [{ machine: one.machine.name, fault: "CRASHING", accepted: false }]);
});

test("a version that failed for a cause that is gone can be rolled out again", async (t) => {
  const one = await machineIn(t);
  const agent = await one.attach("1.0.0");
  await rollOut(t, "9.4.0");
  await until("it is wanted", () => agent.wantedVersion() === "9.4.0");
  const fault = ReleaseFault.DISK;
  agent.say({ case: "releaseReport", value: { version: "9.4.0", state: ReleaseState.FAILED, fault } });
  await until("the stop", async () => (await state()) === "stopped");
  assert.ok((await resumeNewestRollout(context, rig.tenantId)).ok);
  const reason = async () => {
    const stage = (await viewRollout(context, rig.tenantId))?.rollout.stage;
    return stage?.is === "stopped" ? stage.reason : undefined;
  };
  await until("nobody is left to go first", async () => (await reason()) === "NO_CANDIDATES");

  const again = await startRollout(context, rig.tenantId, { version: "9.4.0", canaryCount: 1, soakMs: 100 });
  assert.ok(again.ok);
  await until(
    "it is told anew",
    () =>
      agent
        .all("wantedRelease")
        .map((w) => w.version)
        .join() === ",9.4.0,,9.4.0",
  );
  agent.prepared("9.4.0");
  await agent.heardOf("releaseGrant");
});
