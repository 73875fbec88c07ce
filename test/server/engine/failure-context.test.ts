// How it came that a run did not succeed, on a real Postgres: what is told of its last attempt, and with which success it is compared.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { v7 as uuid } from "uuid";
import { FailureContextSchema } from "../../../proto/gen/drover/v1/outcome_pb.ts";
import { failureContextMessage } from "../../../server/api/failure-context.ts";
import { saveArtifact } from "../../../server/engine/artifacts.ts";
import { learn } from "../../../server/engine/attaching.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { ArtifactId, AttemptId, RunId } from "../../../server/rules/names.ts";
import { readFailureContext } from "../../../server/store/failure-context.ts";
import { readRun } from "../../../server/store/run-reads.ts";
import { begin, clear, inventory, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;

await put(rig, workflowSource.replace("notes.save", "notes.other"));

beforeEach(() => clear(rig));

/** A machine that alone is idle, and on which a run is placed. */
async function placed(changes: object = {}, workflow = "notes.save") {
  await clear(rig);
  const machine = await TestMachine.idle(rig);
  const { agentVersion: _, ...taken } = inventory;
  await learn(context, machine.id, machine.sessionId, { ...taken, ...changes });
  const run = await begin(rig, { workflow, inputs: { text: "Jane Doe" } });
  await placeAll(context);
  return { machine, run };
}

async function succeeded(changes: object = {}, workflow = "notes.save"): Promise<RunId> {
  const { machine, run } = await placed(changes, workflow);
  await machine.upTo("leave");
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");
  return run;
}

async function failed(changes: object = {}): Promise<{ machine: TestMachine; run: RunId }> {
  const { machine, run } = await placed(changes);
  await machine.upTo("write");
  await machine.report({ input: "some", failure: { category: "FOCUS_LOST", message: "another window is active" } });
  assert.equal(await told(rig, run), "FAILED BEFORE_COMMIT");
  return { machine, run };
}

async function contextOf(run: RunId) {
  const row = await readRun(sql, tenantId, run);
  assert.ok(row !== undefined);
  return create(FailureContextSchema, failureContextMessage(row, await readFailureContext(sql, tenantId, run)));
}

const frame = (attemptId: AttemptId, commandNumber: number, kind: "frame" | "proof" = "frame") => ({
  ...{ id: uuid() as ArtifactId, attemptId, commandNumber, kind },
  ...{ contentType: "image/png", content: new Uint8Array(1) },
});

test("a run that failed tells its attempt's commands, frames, proof and machine, and nothing that was typed or read", async () => {
  const { machine, run } = await placed();
  await machine.upTo("save");
  const attemptId = (await machine.wish()).wanted.lease?.attemptId as AttemptId;
  const frames = [frame(attemptId, 2), frame(attemptId, 3)];
  for (const each of [frame(attemptId, 1, "proof"), ...frames]) await saveArtifact(context, machine.id, each);
  const failure = { category: "NOT_DONE", message: "it did not come to be", step: "save" } as const;
  await machine.report({ input: "some", durationMs: 1_500, failure, output: { text: "Jane Doe" } });
  const made = await contextOf(run);
  assert.deepEqual(
    made.timeline.map(({ step, action, input, failure: why }) => [step, action, input, why?.category]),
    [
      ["prove", "prove", "NONE", undefined],
      ["write", "type", "ALL", undefined],
      ["save", "press", "SOME", "NOT_DONE"],
    ],
  );
  assert.deepEqual(made.timeline.at(-1)?.duration?.nanos, 500_000_000);
  assert.deepEqual(
    made.film.map(({ artifactId, step }) => [artifactId, step]),
    [
      [frames[0]?.id, "write"],
      [frames[1]?.id, "save"],
    ],
  );
  assert.deepEqual([made.attempt, made.machine, made.proof?.verdict], [1, machine.name, "READY"]);
  assert.equal(made.failure?.category, "NOT_DONE");
  assert.match(made.failure?.retryDecision ?? "", /a commit step had begun/);
  assert.deepEqual(
    made.inventory[0],
    create(FailureContextSchema, { inventory: [{ name: "platform", value: "simulated" }] }).inventory[0],
  );
  assert.doesNotMatch(
    JSON.stringify(made, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
    /Jane/,
  );
});

test("it is compared with the machine of the last success of the same workflow before it", async () => {
  await succeeded({ dpi: 120 });
  const then = await succeeded({
    applications: [
      { name: "notes", version: "1" },
      { name: "viewer", version: "" },
    ],
  });
  await succeeded({ dpi: 192 }, "notes.other");
  const changes = {
    applications: [{ name: "notes", version: "2" }],
    screen: { width: 1280, height: 800 },
    labels: { site: "b" },
  };
  const { run } = await failed(changes);
  await succeeded({ dpi: 240 });
  const made = await contextOf(run);
  assert.equal(made.comparedRunId, then);
  assert.deepEqual(
    made.differences.map(({ name, value, before }) => [name, value, before]),
    [
      ["screen", "1280x800", "800x600"],
      ["application notes", "2", "1"],
      ["label site", "b", ""],
      ["application viewer", "", "yes"],
    ],
  );
});

test("a success that verify or a person told of is none to be compared with", async () => {
  const then = await succeeded();
  await sql`update runs set resolution = '{}' where id = ${await succeeded({ dpi: 300 })}`;
  await sql`update runs set unsettled = '{}' where id = ${await succeeded({ dpi: 400 })}`;
  assert.equal((await contextOf((await failed()).run)).comparedRunId, then);
});

test("one inventory is kept once, whichever machines have it, and each attempt names its own", async () => {
  const { run } = await failed({ dpi: 77 });
  await failed({ dpi: 77 });
  const kept = await sql`select digest from inventories where body ->> 'dpi' = '77'`;
  assert.equal(kept.length, 1);
  const facts = (await contextOf(run)).inventory;
  assert.equal(facts.find(({ name }) => name === "dpi")?.value, "77");
});

test("a run that never had a machine has no more to tell than that", async () => {
  const run = await begin(rig);
  await sql`update runs set deadline_at = now() - interval '1 ms' where id = ${run}`;
  await expireAll(context);
  assert.equal(await told(rig, run), "EXPIRED BEFORE_COMMIT");
  const made = await contextOf(run);
  assert.deepEqual([made.attempt, made.timeline.length, made.comparedRunId], [0, 0, ""]);
});

test("among ten thousand runs the one to be compared with is read by its index", async () => {
  const then = await succeeded();
  await sql`insert into runs select x.* from runs r, generate_series(1, 10000) n, jsonb_populate_record(r,
      jsonb_build_object('id', gen_random_uuid(), 'workflow', 'bulk-' || n % 9, 'ended_at', now() - n * interval '1 s')) x
    where r.id = ${then}`;
  await sql`analyze runs`;
  const { run } = await failed();
  let plan = "";
  const watching = new Proxy(sql, {
    async apply(target, self, [parts, ...values]: [TemplateStringsArray, ...unknown[]]) {
      if (parts[0]?.trimStart().startsWith("select a.id, a.number")) {
        const strings = Object.assign([`explain ${parts[0]}`, ...parts.slice(1)], { raw: parts.raw });
        const lines: { "QUERY PLAN": string }[] = await Reflect.apply(target, self, [strings, ...values]);
        plan = lines.map((row) => Object.values(row)[0]).join("\n");
      }
      return await Reflect.apply(target, self, [parts, ...values]);
    },
  });
  assert.equal((await readFailureContext(watching, tenantId, run))?.compared?.runId, then);
  assert.match(plan, /runs_succeeded/);
  assert.doesNotMatch(plan, /Seq Scan on runs|Sort/);
});
