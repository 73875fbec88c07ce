// Pauses and limits on a real Postgres: what they cover does not begin from the moment of the answer, and what is under way goes on.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { removeLimit, setLimit } from "../../../server/engine/limiting.ts";
import { pause, unpause } from "../../../server/engine/pausing.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { type LimitKind, type PauseKind, pauseKinds } from "../../../server/rules/route.ts";
import { listLimits } from "../../../server/store/concurrency.ts";
import { listPauses } from "../../../server/store/pauses.ts";
import { until } from "../../agent/desktop/until.ts";
import { anotherTenant, begin, clear, lockWaits, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;
const by = "ward-4";
const names: Record<PauseKind, string> = { workflow: "notes.save", application: "notes", pool: "default" };
const hold = (kind: PauseKind, name = names[kind], reason = "") => pause(context, tenantId, { kind, name, reason, by });
const letGo = (kind: PauseKind, name = names[kind]) => unpause(context, tenantId, { kind, name, by });
const limit = (kind: LimitKind, max: number, name = names[kind], who = by) =>
  setLimit(context, tenantId, { kind, name, max, by: who });

beforeEach(async () => {
  await clear(rig);
  await sql`delete from pauses`;
  await sql`delete from concurrency_limits`;
});

const running = async (runs: readonly RunId[]) =>
  (await Promise.all(runs.map((run) => told(rig, run)))).filter((state) => state === "running").length;

for (const kind of pauseKinds) {
  test(`a paused ${kind} begins nothing and goes on with what is under way, and begins again when the pause has ended`, async () => {
    const machine = await TestMachine.idle(rig);
    const under = await begin(rig);
    await placeAll(context);
    const paused = await hold(kind, names[kind], "upgrade");
    assert.ok(paused.ok);
    await TestMachine.idle(rig);
    const waiting = await begin(rig);
    await placeAll(context);
    assert.equal(await told(rig, waiting), "queued");
    await machine.upTo("write");
    assert.equal((await machine.wish()).wanted.halted, false);
    assert.equal(await told(rig, under), "running");
    const ended = await letGo(kind);
    assert.ok(ended.ok && ended.value?.id === paused.value.id);
    await placeAll(context);
    assert.equal(await told(rig, waiting), "running");
  });
}

test("a pause of something else keeps nothing back, nor does another tenant's of the same name (G12)", async () => {
  await put(rig, workflowSource.replace("notes.save", "notes.other"));
  const other = await anotherTenant(rig);
  await TestMachine.idle(rig);
  const run = await begin(rig);
  assert.ok((await hold("workflow", "notes.other")).ok);
  for (const kind of ["workflow", "application"] as const) {
    assert.ok((await pause(context, other.tenantId, { kind, name: names[kind], reason: "", by })).ok);
  }
  await placeAll(context);
  assert.equal(await told(rig, run), "running");
  assert.equal((await listPauses(sql, tenantId, 10)).length, 1);
  assert.equal((await listPauses(sql, other.tenantId, 10)).length, 2);
});

test("paused twice it is one pause, with the first one's reason; two pauses are over when both have ended", async () => {
  await TestMachine.idle(rig);
  const run = await begin(rig);
  const first = await hold("pool", "default", "first");
  const again = await pause(context, tenantId, { kind: "pool", name: "default", reason: "again", by: "other" });
  assert.ok(first.ok && again.ok);
  assert.deepEqual(again.value, first.value);
  await hold("workflow", "notes.save", "second");
  assert.deepEqual(
    (await listPauses(sql, tenantId, 10)).map((each) => [each.kind, each.name, each.reason, each.pausedBy]),
    [
      ["workflow", "notes.save", "second", by],
      ["pool", "default", "first", by],
    ],
  );
  await letGo("pool");
  await placeAll(context);
  assert.equal(await told(rig, run), "queued");
  await letGo("workflow");
  await placeAll(context);
  assert.equal(await told(rig, run), "running");
  const repeated = await letGo("workflow");
  assert.ok(repeated.ok && repeated.value === undefined);
});

test("what is not there can be neither paused nor limited, and its pause may be ended all the same", async () => {
  const reasons = { workflow: "WORKFLOW_NOT_FOUND", application: "APPLICATION_NOT_FOUND", pool: "POOL_NOT_FOUND" };
  for (const kind of pauseKinds) {
    const refused = await hold(kind, "nothing");
    assert.ok(!refused.ok && refused.refusal.reason === reasons[kind]);
    const ended = await letGo(kind, "nothing");
    assert.ok(ended.ok && ended.value === undefined);
    if (kind === "pool") continue;
    const unlimited = await limit(kind, 1, "nothing");
    assert.ok(!unlimited.ok && unlimited.refusal.reason === reasons[kind]);
  }
});

for (const what of ["pause", "limit"] as const) {
  test(`a ${what} is answered when no placer is in the middle of a pass, and the next one knows it`, async () => {
    const machine = await TestMachine.idle(rig);
    const [first, second] = [await begin(rig), await begin(rig)];
    // The placer has read the queue, and waits at the index for this lease.
    const other = await sql.reserve();
    await other`begin`;
    await other`insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
      values (gen_random_uuid(), ${tenantId}, ${machine.id}, 'attempt', 1, now(), now() + interval '1 hour')`;
    const placing = placeAll(context);
    let begunBefore: string | undefined;
    let answered: Promise<void> | undefined;
    try {
      await until("the placer waits", () => lockWaits(sql));
      answered = (what === "pause" ? hold("workflow") : limit("workflow", 1)).then(async ({ ok }) => {
        assert.ok(ok);
        begunBefore = await told(rig, first);
      });
      await until("the operator waits", () => lockWaits(sql, 2));
      assert.equal(begunBefore, undefined);
    } finally {
      await other`rollback`;
      other.release();
      await placing;
      await answered;
    }
    assert.equal(begunBefore, "running");
    await TestMachine.idle(rig);
    await placeAll(context);
    assert.equal(await told(rig, second), "queued");
  });
}

for (const kind of ["workflow", "application"] as const) {
  test(`as many runs of a limited ${kind} begin as may, and the next when one has ended`, async () => {
    await Promise.all(Array.from({ length: 4 }, () => TestMachine.idle(rig)));
    assert.ok((await limit(kind, 2)).ok);
    const runs = await Promise.all(Array.from({ length: 4 }, () => begin(rig)));
    await placeAll(context);
    assert.equal(await running(runs), 2);
    const used = async () => (await listLimits(sql, tenantId, 10)).map((each) => [each.name, each.used, each.max]);
    assert.deepEqual(await used(), [[names[kind], 2, 2]]);
    await sql`update leases set ended_at = now() where id = (select id from leases where ended_at is null limit 1)`;
    await placeAll(context);
    assert.equal(await running(runs), 3);
    assert.deepEqual(await used(), [[names[kind], 2, 2]]);
    assert.equal(await removeLimit(context, tenantId, { kind, name: names[kind] }), true);
    assert.equal(await removeLimit(context, tenantId, { kind, name: names[kind] }), false);
    await placeAll(context);
    assert.equal(await running(runs), 4);
    assert.deepEqual(await used(), []);
  });
}

test("what is over a limit that was lowered goes on, and nothing begins until it is below it", async () => {
  await Promise.all(Array.from({ length: 4 }, () => TestMachine.idle(rig)));
  const runs = await Promise.all(Array.from({ length: 3 }, () => begin(rig)));
  await placeAll(context);
  const first = await limit("workflow", 5);
  const lowered = await limit("workflow", 1, "notes.save", "other");
  assert.ok(first.ok && lowered.ok);
  assert.deepEqual([lowered.value.used, lowered.value.max, lowered.value.setBy], [3, 1, "other"]);
  const late = await begin(rig);
  await placeAll(context);
  assert.equal(await running(runs), 3);
  assert.equal(await told(rig, late), "queued");
});

test("the same limit again stays whose it was, and limits are listed by what they bound", async () => {
  const first = await limit("workflow", 3);
  const again = await limit("workflow", 3, "notes.save", "other");
  await limit("application", 7);
  assert.ok(first.ok && again.ok);
  assert.deepEqual(again.value, first.value);
  assert.deepEqual(
    (await listLimits(sql, tenantId, 10)).map((each) => [each.kind, each.name, each.used, each.max, each.setBy]),
    [
      ["application", "notes", 0, 7, by],
      ["workflow", "notes.save", 0, 3, by],
    ],
  );
  assert.deepEqual(await listLimits(sql, (await anotherTenant(rig)).tenantId, 10), []);
});
