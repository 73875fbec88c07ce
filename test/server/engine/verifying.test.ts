// A run that may have committed is settled by its verify steps (G4), on a real Postgres: which machine they are done on, what
// they find, and what ends the waiting for them.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { fenced, silent, takeOver } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { changeRun } from "../../../server/engine/changing.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { begin, clear, kinds, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context } = rig;
const { sql } = rig.database;

interface Variant {
  readonly on?: string;
  readonly within?: string;
  readonly result?: string;
  readonly steps?: string;
  readonly cleanup?: string;
}

/** `notes.save` with one verify step, which tells whether the note is there. */
const verified = (name: string, more: Variant = {}) => {
  const { on = "same-machine", within = "10m", result = `\${steps.kept.text}` } = more;
  const verify = `verify: { on: ${on}, within: ${within}, result: { kept: "${result}" }, steps: [ { id: kept, exec: [note] } ] }`;
  const source = workflowSource.replace("notes.save", name).replace("steps:", `steps:${more.steps ?? ""}`);
  return `${source}${verify}\n${more.cleanup ?? ""}`;
};
const second = '\n  - { id: first, press: ctrl+s, effect: commit, guard: { active: Notes }, done: { active: "S" } }';
await put(rig, verified("same"));
await put(rig, verified("any", { on: "any", result: "here" }));
await put(rig, verified("soon", { within: "30s" }));
await put(rig, verified("twice", { steps: second }));
await put(rig, verified("tidy", { cleanup: "cleanup: [ { id: tidy, press: escape } ]\n" }));
await put(rig, verified("tidy.any", { on: "any", cleanup: "cleanup: [ { id: tidy, press: escape } ]\n" }));

beforeEach(() => clear(rig));

const no = { failure: { category: "EXEC_FAILED", message: "" }, output: { exitCode: 1 } } as const;
const unclear = { failure: { category: "EXEC_FAILED", message: "" }, output: { exitCode: 2 } } as const;
const yes = { output: { text: "yes", exitCode: 0 } } as const;

/** A run whose machine was lost inside its commit step and is offline. */
async function lost(workflow: string): Promise<{ machine: TestMachine; run: RunId }> {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig, { workflow });
  await placeAll(context);
  await machine.upTo("save");
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.takeoverDue();
  await takeOver(context, machine.id);
  assert.equal(await told(rig, run), "unsettled");
  return { machine, run };
}

/** ... and has come back and been given the verify steps, up to the one that looks. */
async function looking(workflow: string): Promise<{ machine: TestMachine; run: RunId }> {
  const { machine, run } = await lost(workflow);
  await machine.restart();
  await waited();
  await placeAll(context);
  await machine.upTo("kept");
  return { machine, run };
}

/** As if the time before the next try had passed, and every machine had been attached for as long as an application needs. */
const waited = async () => {
  await sql`update runs set not_before_at = null, due = true`;
  await longAttached();
};
const longAttached = () => sql`update machines set attached_at = attached_at - interval '3 seconds'`;
const outputsOf = async (run: RunId) => (await sql`select outputs from runs where id = ${run}`)[0]?.["outputs"];
const purposes = async (run: RunId) =>
  (await sql`select purpose, machine_id from attempts where run_id = ${run} order by number`).map((row) => [
    row["purpose"],
    row["machineId"],
  ]);

test("a run lost inside its commit waits for its own machine, under a verify lease, and succeeds with what it finds", async () => {
  const { machine, run } = await lost("same");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  assert.equal(await other.status(), "idle");
  await machine.restart();
  await waited();
  await placeAll(context);
  assert.equal(await told(rig, run), "verifying");
  assert.equal((await machine.wish()).wanted.lease?.purpose, "verify");
  await machine.upTo("kept");
  await machine.report(yes);
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  assert.deepEqual(await outputsOf(run), { kept: "yes" });
  assert.equal(await machine.status(), "idle");
  assert.deepEqual(await purposes(run), [
    ["attempt", machine.id],
    ["verify", machine.id],
  ]);
  const settled = ["UNSETTLED", "PLACED", "PROVED", "STEP_STARTED", "STEP_DONE", "ATTEMPT_ENDED", "VERIFIED", "ENDED"];
  assert.deepEqual((await kinds(rig, run)).slice(-settled.length), settled);
});

test("what is found not to have taken hold is done again, on another machine and within its attempts", async () => {
  const { machine, run } = await looking("same");
  await machine.report(no);
  assert.equal(await told(rig, run), "queued");
  await placeAll(context);
  assert.equal(await machine.status(), "idle", "it is not tried again where it failed");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  await other.upTo("save");
  await silent(context, other.id, other.sessionId, 0);
  await other.takeoverDue();
  await takeOver(context, other.id);
  await other.restart();
  await waited();
  await placeAll(context);
  await other.upTo("kept");
  await other.report(no);
  assert.equal(await told(rig, run), "FAILED BEFORE_COMMIT");
  const [row] = await sql`select failure, unsettled from runs where id = ${run}`;
  assert.match(row?.["failure"].retryDecision, /all 2 attempts are used/);
  assert.equal(row?.["unsettled"], null);
});

test("with `on: any` another machine finds out, at once, while the first one stays away", async () => {
  const { run } = await lost("any");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  await other.upTo("kept");
  await other.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  assert.deepEqual(await outputsOf(run), { kept: "here" });
});

test("with `on: any` nobody looks while the first machine is there and not cleaned up: it may still commit", async () => {
  const { machine, run } = await lost("tidy.any");
  const other = await TestMachine.idle(rig);
  await machine.restart();
  await waited();
  await placeAll(context);
  assert.equal((await machine.wish()).wanted.lease?.purpose, "upkeep");
  assert.equal(await other.status(), "idle");
  await machine.upTo("tidy");
  await machine.report();
  await placeAll(context);
  assert.equal(await told(rig, run), "verifying");
});

test("a machine is cleaned up before verify steps are done on it", async () => {
  const { machine, run } = await lost("tidy");
  await machine.restart();
  await waited();
  await placeAll(context);
  assert.equal((await machine.wish()).wanted.lease?.purpose, "upkeep");
  assert.equal(await told(rig, run), "unsettled");
  await machine.upTo("tidy");
  await machine.report();
  await placeAll(context);
  assert.equal((await machine.wish()).wanted.lease?.purpose, "verify");
  await machine.upTo("kept");
  await machine.report(yes);
  assert.equal((await machine.wish()).wanted.command?.spec.step, "tidy");
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  assert.deepEqual(
    (await purposes(run)).map(([purpose]) => purpose),
    ["attempt", "upkeep", "verify"],
  );
});

test("what could not be found out is tried again after a while, until the workflow's time for it is over", async () => {
  const { machine, run } = await looking("soon");
  const [{ deadlineAt } = assert.fail()] = await sql<{ deadlineAt: number }[]>`
    select deadline_at from runs where id = ${run}`;
  assert.ok(Math.abs(deadlineAt - Date.now() - 30_000) < 5_000);
  await machine.report(unclear);
  assert.equal(await told(rig, run), "unsettled");
  await placeAll(context);
  assert.equal(await machine.status(), "idle", "it is too early to try again");
  await waited();
  await placeAll(context);
  await machine.upTo("kept");
  await sql`update runs set deadline_at = now() - interval '1 ms' where id = ${run}`;
  await expireAll(context);
  assert.equal((await machine.wish()).wanted.abandon, true);
  await machine.report({ failure: { category: "CANCELLED", message: "" } });
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
  assert.equal(await machine.status(), "idle");
});

test("a run whose machine never comes back ends UNKNOWN when the time to find out is over (G6)", async () => {
  const { run } = await lost("same");
  await sql`update runs set deadline_at = now() - interval '1 ms' where id = ${run}`;
  await expireAll(context);
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
  assert.deepEqual((await kinds(rig, run)).slice(-2), ["UNSETTLED", "ENDED"]);
});

test("a cancel ends the waiting for a machine, and a verify attempt", async () => {
  const waiting = await lost("same");
  assert.equal((await cancelRun(context, rig.tenantId, waiting.run)).ok, true);
  assert.equal(await told(rig, waiting.run), "UNKNOWN UNKNOWN");
  const { machine, run } = await looking("same");
  assert.equal((await cancelRun(context, rig.tenantId, run)).ok, true);
  assert.equal((await machine.wish()).wanted.abandon, true);
  await machine.report({ failure: { category: "CANCELLED", message: "" } });
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
  assert.equal(await machine.status(), "idle");
});

for (const [how, ends, stop] of [
  ["cancelled", "CANCELLED", (run: RunId) => cancelRun(context, rig.tenantId, run)],
  [
    "stopped by its deadline",
    "EXPIRED",
    async (run: RunId) => {
      await sql`update runs set deadline_at = now() - interval '1 ms' where id = ${run}`;
      await expireAll(context);
    },
  ],
] as const) {
  test(`a run that is ${how} inside its commit is ${ends} once it is known how far it came`, async () => {
    for (const [found, label] of [
      [yes, "AFTER_COMMIT"],
      [no, "BEFORE_COMMIT"],
    ] as const) {
      await clear(rig);
      const machine = await TestMachine.idle(rig);
      const run = await begin(rig, { workflow: "same" });
      await placeAll(context);
      await machine.upTo("save");
      await stop(run);
      await machine.report({ input: "some", failure: { category: "CANCELLED", message: "" } });
      assert.equal(await told(rig, run), "unsettled");
      await longAttached();
      await placeAll(context);
      assert.equal(await told(rig, run), "unsettled", "the application may still be at it");
      await waited();
      await placeAll(context);
      await machine.upTo("kept");
      await machine.report(found);
      assert.equal(await told(rig, run), `${ends} ${label}`);
    }
  });
}

test("nobody looks whether it took hold while the agent that was at it may go on, nor just after that", async () => {
  const machine = await TestMachine.idle(rig);
  const other = await TestMachine.idle(rig);
  const run = await begin(rig, { workflow: "any" });
  await placeAll(context);
  const [at, idle] = (await machine.status()) === "busy" ? [machine, other] : [other, machine];
  await at.upTo("save");
  await changeRun(context, run, { is: "force-released" });
  assert.equal(await told(rig, run), "unsettled");
  await waited();
  await placeAll(context);
  assert.equal(await idle.status(), "idle");
  await fenced(context, at.id, at.sessionId, (await at.wish()).wanted.epoch);
  await placeAll(context);
  assert.equal(await told(rig, run), "unsettled");
  await sql`update leases set ended_at = ended_at - interval '3 seconds' where machine_id = ${at.id}`;
  await placeAll(context);
  assert.equal(await told(rig, run), "verifying");
});

test("of several commit steps, not all of which took hold, the run ends UNKNOWN", async () => {
  const { machine, run } = await looking("twice");
  await machine.report(no);
  assert.equal(await told(rig, run), "UNKNOWN UNKNOWN");
  await clear(rig);
  const held = await looking("twice");
  await held.machine.report(yes);
  assert.equal(await told(rig, held.run), "SUCCEEDED AFTER_COMMIT");
});

test("verify goes before the runs that wait, and runs that wait for absent machines hold up no other", async () => {
  await lost("same");
  // More than one pass reads, all older.
  await sql`
    insert into runs (id, tenant_id, workflow_version_id, workflow, workflow_version, pool_id, application, route_id, caller, inputs,
      request_digest, priority, state, attempts_max, retry_on, queue_timeout_ms, timeout_ms, deadline_at, created_at,
      unsettled, last_event)
    select ('00000000' || substr(gen_random_uuid()::text, 9))::uuid, tenant_id, workflow_version_id, workflow, workflow_version, pool_id, application, route_id, caller, inputs,
      request_digest, priority, state, attempts_max, retry_on, queue_timeout_ms, timeout_ms, deadline_at, created_at,
      unsettled, 0
    from runs cross join generate_series(1, 40) where state = 'unsettled'`;
  const { machine, run } = await lost("same");
  const waiting = await begin(rig, { priority: 100 });
  await machine.restart();
  await waited();
  await placeAll(context);
  assert.equal(await told(rig, run), "verifying");
  assert.equal(await told(rig, waiting), "queued");
});

test("what is not found while its machine is away may still take hold there: it is looked for again when that is back", async () => {
  const { machine, run } = await lost("any");
  const other = await TestMachine.idle(rig);
  await placeAll(context);
  await other.upTo("kept");
  await other.report(no);
  assert.equal(await told(rig, run), "unsettled");
  await machine.restart();
  await sql`update runs set not_before_at = null, due = true`;
  await placeAll(context);
  const just = (await machine.status()) === "busy" ? machine : other;
  await just.upTo("kept");
  await just.report(no);
  assert.equal(await told(rig, run), "unsettled", "it is only just back");
  await waited();
  await placeAll(context);
  const back = (await machine.status()) === "busy" ? machine : other;
  await back.upTo("kept");
  await back.report(no);
  assert.equal(await told(rig, run), "queued");
});

test("nothing is looked for on a machine that is only just back", async () => {
  const { machine, run } = await lost("same");
  await machine.restart();
  await placeAll(context);
  assert.equal(await told(rig, run), "unsettled");
  await waited();
  await placeAll(context);
  assert.equal(await told(rig, run), "verifying");
});

test("a verify attempt that is lost as well is followed by another, whichever replica sees it first", async () => {
  const { machine, run } = await looking("same");
  await silent(context, machine.id, machine.sessionId, 0);
  assert.equal((await machine.restart()).is, "admitted");
  assert.equal(await told(rig, run), "unsettled");
  await waited();
  await Promise.all([placeAll(context), placeAll(context)]);
  await Promise.all([placeAll(context), placeAll(context)]);
  await machine.upTo("kept");
  await machine.report(yes);
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  const [row] = await sql`select attempts_used from runs where id = ${run}`;
  assert.equal(row?.["attemptsUsed"], 1, "verify attempts are not tries of the work");
});

test("of runs to be verified the one of higher priority goes first, as explain foretells", async () => {
  const first = await lost("any");
  // Until there are two.
  await sql`update runs set due = false, not_before_at = now() + interval '1 hour' where id = ${first.run}`;
  const second = await lost("any");
  await sql`update runs set priority = 9 where id = ${second.run}`;
  await sql`update machines set cordoned_at = now()`;
  await waited();
  await TestMachine.idle(rig);
  await placeAll(context);
  assert.deepEqual([await told(rig, first.run), await told(rig, second.run)], ["unsettled", "verifying"]);
  await sql`update machines set cordoned_at = null`;
});
