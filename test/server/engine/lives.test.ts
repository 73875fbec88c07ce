// Runs through their lives on a real Postgres: results, cancels, deadlines, losses and returns.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cutOff, fenced, orphan, silent, takeOver } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { report } from "../../../server/engine/reporting.ts";
import type { AttemptId, RunId } from "../../../server/rules/names.ts";
import { anotherReplica, begin, clear, clocks, kinds, startRig, TestMachine, told } from "./rig.ts";

const rig = await startRig();
const { context } = rig;
const { sql } = rig.database;

beforeEach(() => clear(rig));

/** A run whose step `step` is with the agent of its machine. */
async function at(step: string): Promise<{ machine: TestMachine; run: RunId; attemptId: AttemptId }> {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  await placeAll(context);
  await machine.upTo(step);
  const attemptId = (await machine.wish()).wanted.lease?.attemptId as AttemptId;
  return { machine, run, attemptId };
}

const failure = { category: "NOT_DONE", message: "" } as const;
const cancel = (run: RunId) => cancelRun(context, rig.tenantId, run);

async function lastFailure(run: RunId): Promise<string> {
  const [row] = await sql`select failure from attempts where run_id = ${run} order by number desc limit 1`;
  return row?.["failure"]?.category;
}

test("a run goes from its proof through its steps to its end, and its machine is idle again", async () => {
  const { machine, run } = await at("leave");
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  assert.equal(await machine.status(), "idle");
  const steps = ["STEP_STARTED", "STEP_DONE", "STEP_STARTED", "STEP_DONE", "STEP_STARTED", "STEP_DONE"];
  assert.deepEqual(await kinds(rig, run), ["QUEUED", "PLACED", "PROVED", ...steps, "ATTEMPT_ENDED", "ENDED"]);
});

test("a step that is done wakes no placer; the end of an attempt does", async () => {
  const { machine, attemptId } = await at("write");
  const published: string[] = [];
  const publish = (topics: Iterable<string>) => void published.push(...topics);
  const listening = { ...context, wakeup: { ...context.wakeup, publish } };
  const done = (number: number) => ({ number, input: "all", durationMs: 3, output: {} }) as const;
  await report(listening, machine.id, attemptId, done(2));
  await report(listening, machine.id, attemptId, done(3));
  assert.ok(published.includes(`machine:${machine.id}`));
  assert.ok(!published.includes("placing"));
  await report(listening, machine.id, attemptId, done(4));
  assert.ok(published.includes("placing"));
});

test("a result that is late, repeated, of another machine or of nobody changes nothing", async () => {
  const { machine, run, attemptId } = await at("save");
  const before = await kinds(rig, run);
  const other = await TestMachine.idle(rig);
  await machine.report({ number: 1 });
  await machine.report({ number: 2, failure });
  await machine.report({ number: 99 });
  await other.report({ attemptId, number: 3 });
  await machine.report({ attemptId: "not an id" as AttemptId, number: 3 });
  assert.deepEqual(await kinds(rig, run), before);
  await Promise.all(Array.from({ length: 5 }, () => machine.report({ number: 3, attemptId })));
  assert.equal((await kinds(rig, run)).filter((kind) => kind === "STEP_DONE").length, 2);
  await machine.report();
  await machine.report({ number: 4, attemptId, failure });
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
});

test("a queued run is cancelled at once; a cancelled one is not cancelled again", async () => {
  const run = await begin(rig);
  assert.equal((await cancel(run)).ok, true);
  assert.equal(await told(rig, run), "CANCELLED BEFORE_COMMIT");
  const again = await cancel(run);
  assert.equal(again.ok ? "" : again.refusal.reason, "RUN_ENDED");
});

for (const [step, outcome] of [
  ["prove", "CANCELLED BEFORE_COMMIT"],
  ["write", "CANCELLED BEFORE_COMMIT"],
  ["save", "UNKNOWN UNKNOWN"],
  ["leave", "CANCELLED AFTER_COMMIT"],
] as const) {
  test(`a cancel during ${step} abandons it, and ends as ${outcome} by what its agent says`, async () => {
    const { machine, run } = await at(step);
    assert.equal((await cancel(run)).ok, true);
    assert.equal(await told(rig, run), "cancelling");
    assert.equal((await machine.wish()).wanted.abandon, true);
    assert.equal((await cancel(run)).ok, true);
    await machine.report({ input: "some", failure: { category: "CANCELLED", message: "" } });
    assert.equal(await told(rig, run), outcome);
    assert.equal(await machine.status(), "idle");
    assert.equal((await kinds(rig, run)).filter((kind) => kind === "CANCEL_REQUESTED").length, 1);
  });
}

test("a run that waits past its deadline expires, and one that runs past it is abandoned and expires (G6)", async () => {
  const { machine, run } = await at("write");
  const waiting = await begin(rig);
  await sql`update runs set deadline_at = now() - interval '1 ms' where state <> 'ended'`;
  await expireAll(context);
  assert.equal(await told(rig, waiting), "EXPIRED BEFORE_COMMIT");
  assert.equal((await machine.wish()).wanted.abandon, true);
  await machine.report({ input: "some", failure: { category: "CANCELLED", message: "" } });
  assert.equal(await told(rig, run), "EXPIRED BEFORE_COMMIT");
});

test("an overdue command is abandoned, then fenced; its lease ends when the agent has the higher epoch (G1, G6)", async () => {
  const { machine, run } = await at("save");
  const { epoch } = await machine.row();
  const overdue = async () => {
    await sql`update attempts set command_deadline_at = now() - interval '1 ms' where run_id = ${run}`;
    await expireAll(context);
  };
  await overdue();
  assert.equal((await machine.wish()).wanted.abandon, true);
  await overdue();
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
  const row = await machine.row();
  assert.equal(row["epoch"], epoch + 1);
  assert.equal(row["status"], "busy");
  assert.deepEqual((await machine.wish()).wanted, {
    ...{ epoch: epoch + 1, halted: false, resumeNumber: 0 },
    abandon: false,
  });
  // A machine that is being fenced is nobody else's yet.
  const next = await begin(rig);
  await placeAll(context);
  assert.equal(await told(rig, next), "queued");
  await fenced(context, machine.id, machine.sessionId, epoch);
  await fenced(context, machine.id, "00000000-0000-0000-0000-000000000000", epoch + 1);
  assert.equal(await machine.status(), "busy");
  await fenced(context, machine.id, machine.sessionId, epoch + 1);
  assert.equal(await machine.status(), "idle");
  await cancel(next);
});

test("a machine lost before a commit hands its run on, to another machine only (G4)", async () => {
  const { machine, run } = await at("write");
  await silent(context, machine.id, machine.sessionId, 100);
  assert.equal(await machine.status(), "reattaching");
  await takeOver(context, machine.id);
  assert.equal(await told(rig, run), "running");
  await machine.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await told(rig, run), "queued");
  assert.equal(await lastFailure(run), "MACHINE_LOST");
  assert.equal(await machine.status(), "offline");
  assert.equal((await machine.row())["leaseId"], null);
  assert.equal((await machine.restart()).is, "admitted");
  await placeAll(context);
  assert.equal(await told(rig, run), "queued");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  await other.upTo("leave");
  await other.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
});

for (const [step, outcome] of [
  ["save", "UNKNOWN UNKNOWN"],
  ["leave", "FAILED AFTER_COMMIT"],
] as const) {
  test(`a machine lost during ${step} ends its run as ${outcome}, and it is not tried again (G4)`, async () => {
    const { machine, run } = await at(step);
    await silent(context, machine.id, machine.sessionId, 0);
    await machine.takeoverDue();
    await takeOver(context, machine.id);
    assert.equal(await told(rig, run), outcome);
    await TestMachine.idle(rig);
    await placeAll(context);
    assert.equal(await told(rig, run), outcome);
  });
}

test("an agent that comes back in time goes on, under a new epoch and with its command's whole time (G1)", async () => {
  const { machine, run } = await at("save");
  const before = await machine.wish();
  await silent(context, machine.id, machine.sessionId, 0);
  await sql`update attempts set command_deadline_at = now() - interval '1 ms' where run_id = ${run}`;
  assert.equal((await machine.attach()).is, "admitted");
  await expireAll(context);
  const { wanted, commandLeftMs } = await machine.wish();
  assert.equal(wanted.epoch, before.wanted.epoch + 1);
  assert.equal(wanted.command?.number, before.wanted.command?.number);
  assert.equal(wanted.abandon, false);
  const timeoutMs = wanted.command?.spec.timeoutMs ?? 0;
  assert.ok(commandLeftMs > timeoutMs - 1_000 && commandLeftMs <= timeoutMs);
  assert.equal((await machine.row())["leaseEpoch"], wanted.epoch);
  assert.deepEqual((await kinds(rig, run)).slice(-2), ["HOLDING", "RESUMED"]);
  await machine.upTo("leave");
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
});

test("late news of an older session declares nobody silent", async () => {
  const { machine } = await at("write");
  const { sessionId } = machine;
  await machine.attach();
  await silent(context, machine.id, sessionId, 10_000);
  assert.equal(await machine.status(), "busy");
});

test("a restarted agent that holds the machine's lock ends the older attempt at once; one without waits (G1)", async () => {
  const { machine, run } = await at("write");
  assert.equal((await machine.restart({ holdsLock: false })).is, "cloned");
  assert.equal((await machine.restart({ bootId: "boot-2" })).is, "cloned");
  assert.equal((await machine.restart()).is, "cloned", "a copy on the same boot, with a lock of its own");
  await silent(context, machine.id, machine.sessionId, 0);
  assert.equal((await machine.restart({ holdsLock: false })).is, "held");
  assert.equal((await machine.restart({ bootId: "boot-2" })).is, "held");
  assert.equal((await machine.restart()).is, "admitted");
  assert.equal(await told(rig, run), "queued");
  assert.equal(await lastFailure(run), "AGENT_RESTARTED");
  assert.equal(await machine.status(), "idle");
  assert.equal((await machine.row())["leaseId"], null);
});

test("a copy of an attached agent is refused, and the attached one is not disturbed (G1)", async () => {
  const { machine } = await at("write");
  const before = await machine.row();
  assert.equal((await machine.attach({ dialNumber: machine.incarnation.dialNumber })).is, "cloned");
  assert.deepEqual(await machine.row(), before);
});

test("a fenced machine that comes back is still fenced; restarted with its lock it is free at once", async () => {
  const { machine, run } = await at("save");
  for (let i = 0; i < 2; i++) {
    await sql`update attempts set command_deadline_at = now() - interval '1 ms' where run_id = ${run}`;
    await expireAll(context);
  }
  const { epoch } = await machine.row();
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.attach();
  assert.equal(await machine.status(), "busy");
  const { wanted, fencing } = await machine.wish();
  assert.deepEqual([wanted.lease, wanted.epoch, fencing], [undefined, epoch + 1, true]);
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.restart();
  assert.equal(await machine.status(), "idle");
  assert.equal((await machine.row())["leaseId"], null);
});

test("a fenced machine that comes back is free when its agent says that it does nothing (G6)", async () => {
  const { machine, run } = await at("save");
  for (let i = 0; i < 2; i++) {
    await sql`update attempts set command_deadline_at = now() - interval '1 ms' where run_id = ${run}`;
    await expireAll(context);
  }
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.attach();
  await fenced(context, machine.id, machine.sessionId, (await machine.wish()).wanted.epoch);
  assert.equal(await machine.status(), "idle");
});

test("a lease that outlives its deadline is cut off, and its machine is let in after takeover only (G6)", async () => {
  const { machine, run } = await at("save");
  for (let i = 0; i < 2; i++) {
    await sql`update attempts set command_deadline_at = now() - interval '1 ms' where run_id = ${run}`;
    await expireAll(context);
  }
  await cutOff(context, machine.id);
  assert.equal(await machine.status(), "busy");
  await sql`update leases set deadline_at = now() - interval '1 ms' where machine_id = ${machine.id} and ended_at is null`;
  await expireAll(context);
  assert.equal(await machine.status(), "reattaching");
  assert.equal((await machine.wish()).attached, false);
  assert.equal((await machine.attach()).is, "held");
  await machine.takeoverDue();
  await expireAll(context);
  assert.equal(await machine.status(), "offline");
  assert.equal((await machine.row())["leaseId"], null);
  assert.equal((await machine.attach()).is, "admitted");
  assert.equal(await machine.status(), "idle");
});

test("machines of a dead replica may come back until a takeover's time after its row ended (G1)", async () => {
  const dying = await anotherReplica(rig);
  const machine = await TestMachine.enrol(rig);
  await machine.attach({}, dying);
  await expireAll(context);
  assert.equal(await machine.status(), "idle");
  const [row] = await sql<{ endsAt: number }[]>`
    update replicas set ends_at = clock_timestamp() - interval '100 ms' where id = ${dying.replicaId} returning ends_at`;
  await expireAll(context);
  assert.equal(await machine.status(), "reattaching");
  const { takeoverAt } = await machine.row();
  assert.ok(Math.abs(takeoverAt - ((row?.endsAt ?? 0) + clocks.takeoverMs)) <= 5, `${takeoverAt} ${row?.endsAt}`);
});

test("a living replica's machines are orphaned by nobody", async () => {
  const machine = await TestMachine.idle(rig);
  await orphan(context, machine.id, 0);
  assert.equal(await machine.status(), "idle");
});

test("nothing is taken over within a takeover's time of the service's return (G1)", async () => {
  const { machine, run } = await at("write");
  await silent(context, machine.id, machine.sessionId, 10_000);
  await machine.takeoverDue();
  await sql`update service set resumed_at = clock_timestamp()`;
  await expireAll(context);
  assert.equal(await machine.status(), "reattaching");
  assert.equal(await told(rig, run), "running");
  await sql`update service set resumed_at = clock_timestamp() - ${`${clocks.takeoverMs} ms`}::interval`;
  await expireAll(context);
  assert.equal(await told(rig, run), "queued");
});

test("what fails on every machine is given up, and no machine has it twice running (G6)", async () => {
  const run = await begin(rig);
  const machines = [await TestMachine.idle(rig), await TestMachine.idle(rig)];
  for (let placed = 0; (await told(rig, run)) === "queued"; placed++) {
    assert.ok(placed < 10);
    // What was not ready is left alone for a while: that is over.
    await sql`update machines set unready_until = null`;
    await placeAll(context);
    for (const machine of machines)
      if ((await machine.status()) === "busy") await machine.report({ verdict: "NO_SURFACE" });
  }
  assert.match(await told(rig, run), /^FAILED/);
  const tries = await sql`select machine_id from attempts where run_id = ${run} order by number`;
  const hosts = tries.map((attempt) => attempt["machineId"]);
  assert.ok(hosts.length > 2);
  assert.ok(hosts.every((host, i) => host !== hosts[i - 1]));
});

test("one item that cannot be ended holds up no other (G6)", async () => {
  const [bad, good] = [await at("write"), await at("write")];
  await silent(context, bad.machine.id, bad.machine.sessionId, 0);
  await silent(context, good.machine.id, good.machine.sessionId, 0);
  await bad.machine.takeoverDue();
  await good.machine.takeoverDue();
  // A counter that an event of this run collides with: whatever is told of it cannot be saved.
  await sql`update runs set last_event = 0 where id = ${bad.run}`;
  await assert.doesNotReject(expireAll(context));
  assert.equal(await told(rig, good.run), "queued");
  assert.equal(await told(rig, bad.run), "running");
});
