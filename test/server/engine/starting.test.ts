// Starting runs: what is saved, what is refused, and that a key is one run whoever asks and however often (G5).

import assert from "node:assert/strict";
import { test } from "node:test";
import { startRun } from "../../../server/engine/starting.ts";
import type { Json } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import { anotherTenant, begin, kinds, lockWaits, startRig, told } from "./rig.ts";

const rig = await startRig();

const start = (inputs: Json, idempotencyKey = "", workflow = "notes.save") =>
  startRun(rig.context, rig.tenantId, { workflow, workflowVersion: 0, caller: "somebody", inputs, idempotencyKey });

const reason = (answer: Awaited<ReturnType<typeof start>>) => (answer.ok ? "ok" : answer.refusal.reason);

test("a started run is queued, with its first event", async () => {
  const id = await begin(rig);
  assert.equal(await told(rig, id), "queued");
  assert.deepEqual(await kinds(rig, id), ["QUEUED"]);
});

test("a start says yes only when the run is saved (G5)", async (t) => {
  const { sql } = rig.database;
  const lock = await sql.reserve();
  t.after(async () => {
    await lock`rollback`;
    lock.release();
  });
  await lock`begin`;
  await lock`lock table runs in share mode`;
  let saidYes = false;
  const starting = begin(rig).then((id) => {
    saidYes = true;
    return id;
  });
  await until("it waits to be saved", () => lockWaits(sql));
  assert.equal(saidYes, false);
  await lock`commit`;
  assert.equal(await told(rig, await starting), "queued");
});

test("the same key and inputs give the same run, in whatever order the fields come", async () => {
  const first = await start({ text: "a", more: { x: 1, y: [2] } }, "same");
  const second = await start({ more: { y: [2], x: 1 }, text: "a" }, "same");
  assert.ok(first.ok && second.ok);
  assert.equal(second.value.runId, first.value.runId);
  assert.deepEqual([first.value.existed, second.value.existed], [false, true]);
});

test("the same key with other inputs is refused, however alike they look", async () => {
  assert.equal(reason(await start({ text: "a", more: { x: 1 } }, "other")), "ok");
  assert.equal(reason(await start({ text: "b", more: { x: 1 } }, "other")), "IDEMPOTENCY_KEY_REUSED");
  assert.equal(reason(await start({ text: "a", more: [["x", 1]] }, "other")), "IDEMPOTENCY_KEY_REUSED");
});

test("twenty starts of one key at once are one run", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => start({ text: "a" }, "twenty")));
  const ids = new Set(answers.map((answer) => (answer.ok ? answer.value.runId : "refused")));
  assert.equal(ids.size, 1);
  assert.equal(answers.filter((answer) => answer.ok && !answer.value.existed).length, 1);
  const [row] = await rig.database.sql`select count(*)::int as count from runs where idempotency_key = 'twenty'`;
  assert.equal(row?.["count"], 1);
});

test("a key belongs to its tenant alone (G12)", async () => {
  const other = await anotherTenant(rig);
  const request = { inputs: { text: "a" }, idempotencyKey: "tenants" };
  const [first, second] = [await begin(rig, request), await begin(other, request)];
  assert.notEqual(first, second);
  assert.deepEqual([await begin(rig, request), await begin(other, request)], [first, second]);
});

test("text that no database column takes is refused, in values and in names; text that only looks so is not", async () => {
  for (const bad of ["\0", "a\ud800", "\udc00b"]) {
    assert.equal(reason(await start({ text: bad })), "INPUTS_INVALID");
    assert.equal(reason(await start({ text: "", more: [{ [bad]: 1 }] })), "INPUTS_INVALID");
  }
  assert.equal(reason(await start({ text: "\\u0000 \\ud800 \u{1f600}" })), "ok");
});

test("inputs that do not fit, too large ones and unknown workflows are refused", async () => {
  assert.equal(reason(await start({ text: 1 })), "INPUTS_INVALID");
  assert.equal(reason(await start({ text: "x".repeat(1024 * 1024) })), "INPUTS_INVALID");
  assert.equal(reason(await start({ text: "a" }, "", "no.such")), "WORKFLOW_NOT_FOUND");
});
