// Machines in the hands of operators, on a real Postgres: cordoned, drained, taken away; and what is saved of their status.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { v7 as uuid } from "uuid";
import { fenced, silent, takeOver } from "../../../server/engine/attaching.ts";
import { cordonMachine, releaseMachine } from "../../../server/engine/cordoning.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { machineStatuses } from "../../../server/rules/machine.ts";
import { advanceMachine } from "../../../server/rules/machine-life.ts";
import type { LeaseId, RunId, TenantId } from "../../../server/rules/names.ts";
import { readNow } from "../../../server/store/database.ts";
import { readMachineView } from "../../../server/store/machine-reads.ts";
import { endLease, grantLease, lockFree, machineState, readMachine } from "../../../server/store/machines.ts";
import { begin, clear, kinds, put, startRig, TestMachine, told } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;
await put(
  rig,
  `
workflow: notes.tidy
application: notes
inputs: { type: object, required: [text], properties: { text: { type: string } } }
retry: { attempts: 2 }
steps: [{ id: save, press: ctrl+s, effect: commit, guard: { active: Notes }, done: { active: Saved } }]
verify: { on: any, steps: [{ id: look, assert: { active: Saved } }] }
cleanup: [{ id: close, press: escape }]
`,
);

beforeEach(() => clear(rig));

const cordon = async (machine: TestMachine, is: "cordon" | "uncordon") =>
  assert.ok((await cordonMachine(context, tenantId, machine.id, { is })).ok);
const drain = async (machine: TestMachine, timeoutMs: number) =>
  assert.ok((await cordonMachine(context, tenantId, machine.id, { is: "drain", timeoutMs })).ok);
const release = async (machine: TestMachine) => assert.ok((await releaseMachine(context, tenantId, machine.id)).ok);
const cancelled = { input: "none", failure: { category: "CANCELLED", message: "" } } as const;

/** A run whose step is with the agent of its machine. */
async function at(step: string, workflow = "notes.save"): Promise<{ machine: TestMachine; run: RunId }> {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig, { workflow });
  await placeAll(context);
  await machine.upTo(step);
  return { machine, run };
}

/** Why the newest attempt ended, and how many the run has used. */
async function lastAttempt(run: RunId): Promise<string> {
  const [row] = await sql`
    select a.purpose, a.failure ->> 'category' as category, r.attempts_used from attempts a join runs r on r.id = a.run_id
    where run_id = ${run} and a.ended_at is not null order by a.number desc limit 1`;
  return `${row?.["purpose"]} ${row?.["category"]}, ${row?.["attemptsUsed"]} used`;
}

test("a cordoned machine is given no run, what it does goes on, and uncordoned it is given the next", async () => {
  const { machine, run } = await at("leave");
  await cordon(machine, "cordon");
  await cordon(machine, "cordon");
  assert.equal((await readMachineView(sql, tenantId, machine.id))?.runId, run);
  const next = await begin(rig);
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  await placeAll(context);
  assert.equal(await told(rig, next), "queued");
  await cordon(machine, "uncordon");
  await placeAll(context);
  assert.equal(await told(rig, next), "running");
});

test("a machine that was cordoned after placing had looked at it is not placed on", async () => {
  const machine = await TestMachine.idle(rig);
  const now = await readNow(sql);
  const free = () => sql.begin(async (tx) => (await lockFree(tx, [machine.id], now)).length);
  assert.equal(await free(), 1);
  await cordon(machine, "cordon");
  assert.equal(await free(), 0);
});

test("at the deadline of a drain its attempt is abandoned, and its run goes elsewhere without having used one up (G6)", async () => {
  const { machine, run } = await at("write");
  await drain(machine, 60_000);
  await expireAll(context);
  assert.equal((await machine.wish()).wanted.abandon, false);
  await drain(machine, 0);
  await expireAll(context);
  assert.equal((await machine.wish()).wanted.abandon, true);
  await expireAll(context);
  await machine.report(cancelled);
  assert.equal(await told(rig, run), "queued");
  assert.equal(await lastAttempt(run), "attempt DRAINED, 0 used");
  assert.equal(await machine.status(), "idle");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  assert.equal(await machine.status(), "idle");
  assert.equal(await other.status(), "busy");
});

test("a drain that is called off in time stops nothing", async () => {
  const { machine, run } = await at("write");
  await drain(machine, 0);
  await cordon(machine, "uncordon");
  await expireAll(context);
  assert.equal((await machine.wish()).wanted.abandon, false);
  assert.equal(await told(rig, run), "running");
});

test("a drain in the middle of a commit step leaves nothing untold: the run is to be settled elsewhere (G4)", async () => {
  const { machine, run } = await at("save", "notes.tidy");
  await drain(machine, 0);
  await expireAll(context);
  await machine.report({ ...cancelled, input: "some" });
  await machine.upTo("close");
  await machine.report();
  assert.equal(await told(rig, run), "unsettled");
  assert.equal(await machine.status(), "idle");
  // What looks whether it took hold is drained in its turn, and is no answer.
  const other = await TestMachine.idle(rig);
  await sql`update runs set not_before_at = null, due = true where id = ${run}`;
  await placeAll(context);
  await other.upTo("look");
  await drain(other, 0);
  await expireAll(context);
  await other.report(cancelled);
  await other.report();
  assert.equal(await told(rig, run), "unsettled");
  assert.equal(await lastAttempt(run), "verify DRAINED, 1 used");
});

test("a machine that is cleaned up is drained as well, and is cleaned up once it is uncordoned (G6)", async () => {
  const { machine, run } = await at("save", "notes.tidy");
  await release(machine);
  const { wanted } = await machine.wish();
  await fenced(context, machine.id, machine.sessionId, wanted.epoch);
  await placeAll(context);
  assert.equal((await machine.wish()).wanted.lease?.purpose, "upkeep");
  await drain(machine, 0);
  await expireAll(context);
  assert.equal((await machine.wish()).wanted.lease, undefined);
  await fenced(context, machine.id, machine.sessionId, (await machine.wish()).wanted.epoch);
  await placeAll(context);
  assert.equal(await machine.status(), "idle", "nothing begins on a machine that is drained");
  await cordon(machine, "uncordon");
  await placeAll(context);
  assert.equal((await machine.wish()).wanted.lease?.purpose, "upkeep");
  assert.equal(await told(rig, run), "unsettled");
});

test("a machine that is taken away is fenced at once, and its run goes elsewhere before its agent has answered (G1)", async () => {
  const { machine, run } = await at("write");
  const { epoch } = await machine.row();
  await release(machine);
  assert.equal(await told(rig, run), "queued");
  assert.equal(await lastAttempt(run), "attempt FORCE_RELEASED, 0 used");
  const { wanted, fencing } = await machine.wish();
  assert.deepEqual([wanted.lease, wanted.epoch, fencing], [undefined, epoch + 1, true]);
  assert.equal(await machine.status(), "busy");
  assert.equal((await readMachineView(sql, tenantId, machine.id))?.runId, null);
  const before = await kinds(rig, run);
  await release(machine);
  assert.equal((await machine.row())["epoch"], epoch + 1, "what is fenced already stays as it is");
  assert.deepEqual(await kinds(rig, run), before);
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  assert.equal(await other.status(), "busy");
  await fenced(context, machine.id, machine.sessionId, epoch + 1);
  assert.equal(await machine.status(), "idle");
});

test("a machine that is taken away in the middle of a commit step leaves its run UNKNOWN (G4)", async () => {
  const { machine, run } = await at("save");
  await release(machine);
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
});

test("a machine that is taken away from a holder who never answers is taken over as always (G1)", async () => {
  const { machine, run } = await at("write");
  await silent(context, machine.id, machine.sessionId, 0);
  await release(machine);
  assert.equal(await told(rig, run), "queued");
  assert.equal(await machine.status(), "reattaching");
  assert.notEqual((await machine.row())["leaseId"], null);
  await machine.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await machine.status(), "offline");
  assert.equal((await machine.row())["leaseId"], null);
  assert.equal(await told(rig, run), "queued");
});

test("nothing is taken away from a machine without an attempt, and nobody's machine is another tenant's (G12)", async () => {
  const machine = await TestMachine.idle(rig);
  await release(machine);
  assert.equal(await machine.status(), "idle");
  // Its agent restarts into a release: nothing is injected, and what is begun on it meanwhile would be lost.
  const leaseId = uuid() as LeaseId;
  await sql.begin(async (tx) => {
    const now = await readNow(tx);
    const lease = { purpose: "service", epoch: 9, attemptId: null, deadlineAt: now + 60_000, now } as const;
    await grantLease(tx, { ...lease, id: leaseId, tenantId, machineId: machine.id });
  });
  await drain(machine, 0);
  await expireAll(context);
  await release(machine);
  assert.equal((await machine.row())["leaseId"], leaseId);
  const stranger = uuid() as TenantId;
  const answers = [
    await releaseMachine(context, stranger, machine.id),
    await cordonMachine(context, stranger, machine.id, { is: "cordon" }),
  ];
  for (const answer of answers) assert.equal(answer.ok ? "" : answer.refusal.reason, "MACHINE_NOT_FOUND");
});

test("a lease that begins or ends leaves each status as the rules say", async () => {
  for (const status of machineStatuses) {
    const machine = await TestMachine.enrol(rig);
    const takeoverAt = status === "reattaching" ? 1 : null;
    await sql`update machines set status = ${status}, takeover_at = ${takeoverAt}::timestamptz where id = ${machine.id}`;
    const state = machineState((await readMachine(sql, machine.id)) ?? assert.fail());
    const leaseId = uuid() as LeaseId;
    await sql.begin(async (tx) => {
      const now = await readNow(tx);
      const lease = { purpose: "service", epoch: 1, attemptId: null, deadlineAt: now, now } as const;
      await grantLease(tx, { ...lease, id: leaseId, tenantId, machineId: machine.id });
      await endLease(tx, machine.id, leaseId, now);
    });
    const expected = advanceMachine({ state, lease: undefined }, { is: "lease-ended" }, 0)?.state.is ?? status;
    assert.equal(await machine.status(), expected, status);
  }
});
