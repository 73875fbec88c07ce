// A machine that an attempt has left as it was is cleaned up before it is given anything else, on a real Postgres; and a machine
// that was not ready is left alone for a while.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { fenced, silent, takeOver } from "../../../server/engine/attaching.ts";
import { changeRun } from "../../../server/engine/changing.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { FailureCategory } from "../../../server/rules/failure.ts";
import type { AttemptId, RunId } from "../../../server/rules/names.ts";
import { anotherReplica, begin, clear, kinds, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context } = rig;
const { sql } = rig.database;
const tidy = (name: string, steps: string) => `${workflowSource.replace("notes.save", name)}cleanup: ${steps}\n`;
await put(rig, tidy("tidy", "[ { id: tidy, press: escape } ]"));

beforeEach(async () => {
  await clear(rig);
  await sql`update machines set unclean_attempt_id = null, unready_until = null, unready_count = 0`;
});

const failure = (category: FailureCategory) => ({ input: "some", failure: { category, message: "" } }) as const;

/** A run whose step is with the agent of its machine. */
async function at(step: string, workflow = "tidy"): Promise<{ machine: TestMachine; run: RunId }> {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig, { workflow });
  await placeAll(context);
  await machine.upTo(step);
  return { machine, run };
}

/** ... and whose agent has died, and is back. */
async function restarted(step: string, workflow = "tidy"): Promise<{ machine: TestMachine; run: RunId }> {
  const { machine, run } = await at(step, workflow);
  await silent(context, machine.id, machine.sessionId, 0);
  assert.equal((await machine.restart()).is, "admitted");
  return { machine, run };
}

/** What the machine's agent is to do: for what, and which command. */
async function doing(machine: TestMachine): Promise<string> {
  const { lease, command } = (await machine.wish()).wanted;
  return lease === undefined ? "nothing" : `${lease.purpose} ${command?.spec.step}`;
}

async function state(machine: TestMachine): Promise<string> {
  const [row] = await sql`
    select status, unclean_attempt_id is not null as unclean, unready_verdict from machines where id = ${machine.id}`;
  return `${row?.["status"]}${row?.["unclean"] ? " unclean" : ""}${row?.["unreadyVerdict"] ? ` ${row["unreadyVerdict"]}` : ""}`;
}

const backOff = () => sql`update machines set unready_until = null`;

test("a machine whose attempt was lost is cleaned up before it has another run", async () => {
  const { machine, run } = await restarted("leave");
  assert.equal(await told(rig, run), "FAILED AFTER_COMMIT");
  assert.equal(await state(machine), "idle unclean");
  const events = await kinds(rig, run);
  const next = await begin(rig, { workflow: "tidy", priority: 100 });
  await placeAll(context);
  assert.equal(await doing(machine), "upkeep prove");
  assert.equal(await told(rig, next), "queued");
  await machine.report({ verdict: "MODAL_BLOCKING" });
  assert.equal(await doing(machine), "upkeep tidy");
  await machine.report();
  assert.equal(await state(machine), "idle");
  await placeAll(context);
  assert.equal(await doing(machine), "attempt prove");
  assert.equal(await told(rig, next), "running");
  assert.deepEqual(await kinds(rig, run), events, "nothing of it is told of the run that it cleans up after");
});

test("an attempt that did its own cleanup, or was never proven ready, leaves nothing to clean up", async () => {
  const done = await at("tidy");
  await done.machine.report();
  assert.equal(await state(done.machine), "idle");
  await clear(rig);
  const { machine } = await restarted("prove");
  await placeAll(context);
  assert.notEqual(await state(machine), "idle unclean");
  const [row] = await sql`select count(*)::int as n from attempts where purpose = 'upkeep' and ended_at is null`;
  assert.equal(row?.["n"], 0);
});

test("a cleanup step that failed in the attempt is tried again, and if that does not help the application is ended", async () => {
  const { machine, run } = await at("tidy");
  await machine.report(failure("NOT_DONE"));
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  assert.equal(await state(machine), "idle unclean");
  await placeAll(context);
  await machine.upTo("tidy");
  await machine.report(failure("NOT_DONE"));
  assert.equal(await doing(machine), "upkeep end-application");
  await machine.report();
  assert.equal(await state(machine), "idle");
});

test("a frozen application is ended at once, before anything else is given to its machine (G13)", async () => {
  const { machine, run } = await at("write", "notes.save");
  await machine.report(failure("FROZEN"));
  assert.equal(await told(rig, run), "queued", "it is tried again elsewhere");
  const next = await begin(rig);
  await placeAll(context);
  assert.equal(await doing(machine), "upkeep end-application");
  assert.deepEqual([await told(rig, run), await told(rig, next)], ["queued", "queued"]);
  await machine.report();
  await placeAll(context);
  assert.equal(await doing(machine), "attempt prove");
  assert.equal(await told(rig, next), "running");
});

test("an application that cannot be ended keeps its machine from work, and is tried again, each time later", async () => {
  const { machine } = await at("write");
  await machine.report(failure("FROZEN"));
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    await placeAll(context);
    assert.equal(await doing(machine), "upkeep end-application");
    await machine.report(failure("FROZEN"));
    assert.equal(await state(machine), "idle unclean FROZEN");
    const [row] = await sql`
      select extract(epoch from unready_until - clock_timestamp())::float as wait from machines where id = ${machine.id}`;
    waits.push(Math.ceil(row?.["wait"] / 5) * 5);
    await placeAll(context);
    assert.equal(await doing(machine), "nothing");
    await backOff();
  }
  assert.deepEqual(waits, [5, 10, 20]);
});

test("while a machine is cleaned up its run goes on elsewhere, and nothing of the one is taken for the other", async () => {
  const { machine, run } = await restarted("write");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  assert.deepEqual([await doing(machine), await doing(other)], ["upkeep prove", "attempt prove"]);
  const live = await sql`select purpose from attempts where run_id = ${run} and ended_at is null order by purpose`;
  assert.deepEqual(
    live.map((row) => row["purpose"]),
    ["attempt", "upkeep"],
  );
  // Both are at their first command: results of the same number.
  await machine.report();
  assert.deepEqual([await doing(machine), await doing(other)], ["upkeep tidy", "attempt prove"]);
  await other.report();
  assert.deepEqual([await doing(machine), await doing(other)], ["upkeep tidy", "attempt write"]);
  await other.upTo("save");
  await machine.report();
  assert.equal(await state(machine), "idle");
  assert.equal(await told(rig, run), "running");
  await other.upTo("tidy");
  await other.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  const steps = ["STEP_STARTED", "STEP_DONE", "STEP_STARTED", "STEP_DONE", "STEP_STARTED", "STEP_DONE"];
  const second = ["REQUEUED", "PLACED", "PROVED", ...steps, "ATTEMPT_ENDED", "ENDED"];
  assert.deepEqual((await kinds(rig, run)).slice(-second.length), second);
});

test("both can be lost at once, in one order or the other", async () => {
  const { machine, run } = await restarted("write");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  for (const each of [machine, other]) await silent(context, each.id, each.sessionId, 0);
  for (const each of [machine, other]) await each.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await told(rig, run), "running");
  await takeOver(context, other.id);
  assert.match(await told(rig, run), /^(queued|FAILED BEFORE_COMMIT)$/);
  assert.deepEqual([await state(machine), await state(other)], ["offline unclean", "offline"]);
  const leases = await sql`select 1 from leases where ended_at is null`;
  assert.equal(leases.length, 0);
});

test("a machine that is lost while it is cleaned up is cleaned up when it comes back", async () => {
  const { machine } = await restarted("leave");
  await placeAll(context);
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await state(machine), "offline unclean");
  await machine.restart();
  await placeAll(context);
  assert.equal(await doing(machine), "upkeep prove");
  // In time: it goes on with what it was at.
  const before = (await machine.wish()).wanted;
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.attach();
  const { wanted } = await machine.wish();
  assert.equal(wanted.lease?.attemptId, before.lease?.attemptId);
  assert.equal(wanted.epoch, before.epoch + 1);
  await machine.upTo("tidy");
  await machine.report();
  assert.equal(await state(machine), "idle");
});

test("an agent that does not report a cleanup in time is fenced, and its machine tried again after a while (G1, G6)", async () => {
  const { machine } = await restarted("leave");
  await placeAll(context);
  const { epoch } = await machine.row();
  await sql`update attempts set command_deadline_at = now() - interval '1 ms' where ended_at is null`;
  await expireAll(context);
  assert.equal(await doing(machine), "nothing");
  assert.equal(await state(machine), "busy unclean FROZEN");
  await fenced(context, machine.id, machine.sessionId, epoch + 1);
  assert.equal(await state(machine), "idle unclean FROZEN");
  await placeAll(context);
  assert.equal(await doing(machine), "nothing");
  await backOff();
  await placeAll(context);
  assert.equal(await doing(machine), "upkeep prove");
});

test("late news of a cleanup that has ended is no news of its run", async () => {
  const { machine, run } = await restarted("write");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  const upkeepId = (await machine.wish()).wanted.lease?.attemptId as AttemptId;
  await machine.upTo("tidy");
  await machine.report();
  await other.upTo("save");
  await machine.report({ attemptId: upkeepId, number: 3, ...failure("NOT_DONE") });
  assert.equal(await changeRun(context, run, { is: "command-overdue" }, { upkeepId }), false);
  assert.equal(await doing(other), "attempt save");
  assert.equal(await told(rig, run), "running");
});

test("each of two replicas that place at once, or one after the other's death, begins no second cleanup", async () => {
  const { machine } = await restarted("leave");
  const second = await anotherReplica(rig);
  await Promise.all([placeAll(context), placeAll(second), placeAll(context), placeAll(second)]);
  await placeAll(second);
  const upkeep = await sql`select 1 from attempts where machine_id = ${machine.id} and purpose = 'upkeep'`;
  assert.equal(upkeep.length, 1);
  await machine.upTo("tidy");
  await machine.report();
  await Promise.all([placeAll(context), placeAll(second)]);
  assert.equal(await state(machine), "idle");
});

test("one machine that cannot be cleaned up holds up no other, nor the queue (G7)", async () => {
  const bad = await restarted("leave");
  // An attempt number that is taken: nothing can be begun for this run.
  await sql`update runs set attempt_count = 0 where id = ${bad.run}`;
  const good = await restarted("leave");
  const next = await begin(rig);
  const idle = await TestMachine.idle(rig);
  await placeAll(context);
  assert.deepEqual(
    [await doing(bad.machine), await doing(good.machine), await doing(idle)],
    ["nothing", "upkeep prove", "attempt prove"],
  );
  assert.equal(await told(rig, next), "running");
});

test("a machine that is not ready is left alone for longer each time, until it is", async () => {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  await placeAll(context);
  await machine.report({ verdict: "WRONG_SCREEN" });
  assert.equal(await told(rig, run), "queued");
  // A run of its own: this one avoids the machine anyway.
  const next = await begin(rig);
  await placeAll(context);
  assert.equal(await told(rig, next), "queued");
  const wait = async () => {
    const [row] = await sql`
      select unready_count, extract(epoch from unready_until - clock_timestamp())::float as wait
      from machines where id = ${machine.id}`;
    return [row?.["unreadyCount"], row?.["wait"] === null ? 0 : Math.ceil(row?.["wait"] / 5) * 5];
  };
  assert.deepEqual(await wait(), [1, 5]);
  await backOff();
  await placeAll(context);
  assert.equal(await told(rig, next), "running");
  await machine.report({ verdict: "NO_SURFACE" });
  assert.deepEqual(await wait(), [2, 10]);
  await backOff();
  const third = await begin(rig, { priority: 100 });
  await placeAll(context);
  await machine.report();
  assert.equal(await told(rig, third), "running");
  assert.deepEqual(await wait(), [0, 0]);
});
