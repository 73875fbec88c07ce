// The stop button on a real Postgres (G14): what a halt covers, who is told, what holds and what is not begun.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { silent } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { type HaltTarget, halt, holdAll, resume } from "../../../server/engine/halting.ts";
import { observe } from "../../../server/engine/observing.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { listHalts } from "../../../server/store/halts.ts";
import { until } from "../../agent/desktop/until.ts";
import {
  anotherReplica,
  begin,
  clear,
  kinds,
  lockWaits,
  put,
  startRig,
  TestMachine,
  told,
  workflowSource,
} from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;
const second = await anotherReplica(rig);

const by = "ward-4";
const stop = (kind: HaltTarget["kind"], name: string, reason = "drill") =>
  halt(context, tenantId, { kind, name, reason, by });
const goOn = (kind: HaltTarget["kind"], name: string) => resume(context, tenantId, { kind, name, by });

beforeEach(async () => {
  await clear(rig);
  await sql`delete from halts`;
});

/** A run whose first step is with the agent of its machine. */
async function writing(): Promise<{ machine: TestMachine; run: RunId }> {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  await placeAll(context);
  await machine.upTo("write");
  return { machine, run };
}

const holds = async (run: RunId): Promise<string | undefined> => {
  const [row] = await sql`select held ->> 'why' as why from attempts where run_id = ${run} and ended_at is null`;
  return row?.["why"] ?? undefined;
};

const targets = (machine: TestMachine): HaltTarget[] => [
  { kind: "machine", name: machine.name },
  { kind: "machine", name: machine.id },
  { kind: "workflow", name: "notes.save" },
  { kind: "application", name: "notes" },
  { kind: "pool", name: "default" },
  { kind: "tenant", name: "" },
];

test("a halt of the machine, its pool, the tenant, or the run's workflow or application halts it, and its end lets it go on", async () => {
  const { machine, run } = await writing();
  for (const { kind, name } of targets(machine)) {
    assert.equal((await stop(kind, name)).ok, true);
    assert.equal((await machine.wish()).wanted.halted, true, kind);
    await holdAll(context);
    assert.equal(await holds(run), "HALTED", kind);
    assert.equal((await goOn(kind, name)).ok, true);
    assert.equal((await machine.wish()).wanted.halted, false, kind);
    await holdAll(context);
    assert.equal(await holds(run), undefined, kind);
  }
  assert.deepEqual((await kinds(rig, run)).slice(-4), ["HOLDING", "RESUMED", "HOLDING", "RESUMED"]);
});

test("a halt of something else halts nothing here", async () => {
  const { machine, run } = await writing();
  const other = await TestMachine.idle(rig);
  await put(rig, workflowSource.replace("notes.save", "notes.other"));
  await stop("machine", other.name);
  await stop("workflow", "notes.other");
  assert.equal((await machine.wish()).wanted.halted, false);
  assert.equal((await other.wish()).wanted.halted, true);
  await holdAll(context);
  assert.equal(await holds(run), undefined);
});

test("nothing that a halt covers is placed, and all of it is when the halt has ended", async () => {
  const machine = await TestMachine.idle(rig);
  for (const { kind, name } of targets(machine)) {
    await stop(kind, name);
    const run = await begin(rig);
    await placeAll(context);
    assert.equal(await told(rig, run), "queued", kind);
    await goOn(kind, name);
    await placeAll(context);
    assert.equal(await told(rig, run), "running", kind);
    await clear(rig);
    await sql`update machines set status = 'idle' where id = ${machine.id}`;
  }
});

test("a placement that raced with a halt begins halted, and holds", async () => {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  // The placer has read the queue without the halt, and waits at the index for this lease.
  const other = await sql.reserve();
  await other`begin`;
  await other`insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
    values (gen_random_uuid(), ${tenantId}, ${machine.id}, 'attempt', 1, now(), now() + interval '1 hour')`;
  const placing = placeAll(context);
  try {
    await until("it waits", () => lockWaits(sql));
    await stop("workflow", "notes.save");
  } finally {
    await other`rollback`;
    other.release();
    await placing;
  }
  assert.equal(await told(rig, run), "running");
  assert.equal((await machine.wish()).wanted.halted, true);
  await holdAll(context);
  assert.equal(await holds(run), "HALTED");
});

test("halted twice it is one halt, with the first one's reason; two halts are over when both have ended", async () => {
  const { machine, run } = await writing();
  const first = await stop("pool", "default", "first");
  const again = await halt(second, tenantId, { kind: "pool", name: "default", reason: "again", by: "other" });
  assert.ok(first.ok && again.ok);
  assert.deepEqual(again.value, first.value);
  await stop("machine", machine.name);
  assert.deepEqual(
    (await listHalts(sql, tenantId, 10)).map((each) => [each.kind, each.name, each.reason, each.haltedBy]),
    [
      ["machine", machine.name, "drill", by],
      ["pool", "default", "first", by],
    ],
  );
  const ended = await goOn("pool", "default");
  assert.ok(ended.ok && ended.value?.id === first.value.id);
  await holdAll(context);
  assert.equal(await holds(run), "HALTED");
  await goOn("machine", machine.name);
  const repeated = await goOn("machine", machine.name);
  assert.ok(repeated.ok && repeated.value === undefined);
  await holdAll(context);
  assert.equal(await holds(run), undefined);
  const [row] = await sql`select resumed_by from halts where id = ${first.value.id}`;
  assert.equal(row?.["resumedBy"], by);
});

test("what is not there cannot be halted; only a machine has to be there to go on", async () => {
  const refused = async (answer: ReturnType<typeof stop> | ReturnType<typeof goOn>) => {
    const said = await answer;
    return said.ok ? "accepted" : said.refusal.reason;
  };
  assert.equal(await refused(stop("machine", "nobody")), "MACHINE_NOT_FOUND");
  assert.equal(await refused(stop("workflow", "nothing")), "WORKFLOW_NOT_FOUND");
  assert.equal(await refused(stop("application", "nothing")), "APPLICATION_NOT_FOUND");
  assert.equal(await refused(stop("pool", "nowhere")), "POOL_NOT_FOUND");
  assert.equal(await refused(goOn("machine", "nobody")), "MACHINE_NOT_FOUND");
  assert.equal(await refused(goOn("pool", "nowhere")), "accepted");
});

test("no time passes for the command of a held attempt, and it has its whole time again afterwards", async () => {
  const { machine, run } = await writing();
  await stop("tenant", "");
  await holdAll(context);
  await sql`update attempts set command_deadline_at = clock_timestamp() - interval '1 s' where run_id = ${run}`;
  await expireAll(context);
  const held = await machine.wish();
  assert.equal(held.wanted.abandon, false);
  assert.equal(held.commandLeftMs, held.wanted.command?.spec.timeoutMs);
  await goOn("tenant", "");
  await holdAll(context);
  await expireAll(context);
  const free = await machine.wish();
  assert.equal(free.wanted.abandon, false);
  assert.ok(free.commandLeftMs > (free.wanted.command?.spec.timeoutMs ?? 0) - 1_000);
});

test("a held run is ended by its own deadline, and by a cancel, as soon as its agent has abandoned the command (G6)", async () => {
  for (const how of ["deadline", "cancel"]) {
    const { machine, run } = await writing();
    await stop("machine", machine.name);
    await holdAll(context);
    if (how === "cancel") await cancelRun(context, tenantId, run);
    else await sql`update runs set deadline_at = clock_timestamp() - interval '1 ms' where id = ${run}`;
    await expireAll(context);
    const { wanted } = await machine.wish();
    assert.deepEqual([wanted.halted, wanted.abandon], [true, true]);
    await machine.report({ input: "some", failure: { category: "CANCELLED", message: "" } });
    assert.equal(await told(rig, run), how === "cancel" ? "CANCELLED BEFORE_COMMIT" : "EXPIRED BEFORE_COMMIT");
  }
});

test("a halted machine that falls silent is taken over as always", async () => {
  const { machine, run } = await writing();
  await stop("machine", machine.name);
  await holdAll(context);
  await silent(context, machine.id, machine.sessionId, 0);
  await machine.takeoverDue();
  await expireAll(context);
  assert.equal(await told(rig, run), "queued");
});

test("a person at the mouse holds the attempt and keeps placements away; it goes on when they have gone", async () => {
  const { machine, run } = await writing();
  const says = (hold: "HUMAN_PRESENT" | null) =>
    observe(context, machine.id, machine.sessionId, { hold, desktop: "PRESENT" });
  await says("HUMAN_PRESENT");
  await holdAll(context);
  assert.equal(await holds(run), "HUMAN_PRESENT");
  await stop("machine", machine.name);
  await holdAll(context);
  assert.equal(await holds(run), "HALTED");
  await goOn("machine", machine.name);
  await holdAll(context);
  assert.equal(await holds(run), "HUMAN_PRESENT");
  await cancelRun(context, tenantId, run);
  await machine.report({ input: "some", failure: { category: "CANCELLED", message: "" } });
  const next = await begin(rig);
  await placeAll(context);
  assert.equal(await told(rig, next), "queued");
  await says(null);
  await placeAll(context);
  assert.equal(await told(rig, next), "running");
});

test("a machine whose desktop is stuck gets nothing, and late news of an older session changes nothing", async () => {
  const machine = await TestMachine.idle(rig);
  const { sessionId } = machine;
  await observe(context, machine.id, sessionId, { hold: null, desktop: "STUCK" });
  const run = await begin(rig);
  await placeAll(context);
  assert.equal(await told(rig, run), "queued");
  await machine.attach();
  await observe(context, machine.id, sessionId, { hold: null, desktop: "PRESENT" });
  await placeAll(context);
  assert.equal(await told(rig, run), "queued");
  await observe(context, machine.id, machine.sessionId, { hold: null, desktop: "PRESENT" });
  await placeAll(context);
  assert.equal(await told(rig, run), "running");
});

test("each resume of a machine is told to its agent", async () => {
  const { machine } = await writing();
  const before = (await machine.wish()).wanted.resumeNumber;
  await goOn("machine", machine.name);
  assert.equal((await machine.wish()).wanted.resumeNumber, before + 1);
});

test("what one attempt holds or does not is put right by any replica, once", async () => {
  const { run } = await writing();
  await stop("tenant", "");
  await Promise.all([holdAll(context), holdAll(second), holdAll(context)]);
  assert.equal((await kinds(rig, run)).filter((kind) => kind === "HOLDING").length, 1);
});
