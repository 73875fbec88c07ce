// Runs that are tried again, on a real Postgres: how long they wait and where they go, and the budget that all runs of a workflow share.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { runMessage } from "../../../server/api/run-messages.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { retryBudget } from "../../../server/rules/retry.ts";
import { readRunView } from "../../../server/store/run-reads.ts";
import { begin, clear, kinds, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;

const named = (name: string, retry: string) =>
  workflowSource.replace("notes.save", name).replace("{ attempts: 2 }", retry);
await put(rig, named("notes.patient", "{ attempts: 3, backoff: { from: 10s, to: 15s } }"));
await put(rig, named("notes.anywhere", "{ attempts: 2, machine: any }"));

beforeEach(async () => {
  await clear(rig);
  await sql`delete from retry_budgets`;
});

const failure = { category: "AGENT_ERROR", message: "" } as const;

/** Fails the run's attempt on the machine that alone has it, before anything reached the desktop. */
async function failOn(machine: TestMachine): Promise<void> {
  await placeAll(context);
  await machine.upTo("write");
  await machine.report({ input: "none", failure });
}

const waitOver = (run: RunId) => sql`update runs set not_before_at = now() - interval '1 ms' where id = ${run}`;

const budgetOf = async (workflow: string) =>
  (await sql`select "left" from retry_budgets where workflow = ${workflow}`)[0]?.["left"];

/** How long the run is still to wait, from the moment that it was put back. */
async function waitMs(run: RunId): Promise<number> {
  const [event] = await sql`select at, body from events where run_id = ${run} and body ->> 'kind' = 'REQUEUED'
    order by number desc limit 1`;
  const view = await readRunView(sql, tenantId, run);
  assert.ok(view !== undefined);
  const { notBeforeAt } = view;
  assert.equal(event?.["body"].notBeforeAt, notBeforeAt, "watchers are told the same");
  assert.deepEqual(runMessage(view).notBefore, timestampFromMs(notBeforeAt ?? 0), "and so is who asks");
  return (notBeforeAt ?? 0) - event?.["at"];
}

test("a run waits for its backoff before it is placed again, longer each time up to the most, and on another machine", async () => {
  const [one, two] = [await TestMachine.idle(rig), await TestMachine.idle(rig)];
  const run = await begin(rig, { workflow: "notes.patient" });
  await placeAll(context);
  const [first, second] = (await one.status()) === "busy" ? [one, two] : [two, one];
  await failOn(first);
  assert.equal(await told(rig, run), "queued");
  assert.equal(await waitMs(run), 10_000);
  await placeAll(context);
  assert.equal(await told(rig, run), "queued", "machines are idle, and it waits");
  await waitOver(run);
  await failOn(second);
  assert.equal(await waitMs(run), 15_000);
  await waitOver(run);
  await placeAll(context);
  assert.equal((await readRunView(sql, tenantId, run))?.notBeforeAt, null, "nothing is waited for while it runs");
  assert.equal(await first.status(), "busy", "where it failed two attempts ago it may be tried again");
});

test("without a backoff it goes to another machine at once, or with machine: any to the same", async () => {
  const machine = await TestMachine.idle(rig);
  const elsewhere = await begin(rig);
  await failOn(machine);
  await placeAll(context);
  assert.equal(await told(rig, elsewhere), "queued");
  assert.equal((await readRunView(sql, tenantId, elsewhere))?.notBeforeAt, null);
  await clear(rig);
  await machine.attach();
  const anywhere = await begin(rig, { workflow: "notes.anywhere" });
  await failOn(machine);
  await placeAll(context);
  assert.equal(await told(rig, anywhere), "running");
});

test("a retry takes of its workflow's budget and a run brings a share; when it is used up that is the decision's reason", async () => {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig, { workflow: "notes.anywhere" });
  await failOn(machine);
  assert.equal(await budgetOf("notes.anywhere"), retryBudget.max - retryBudget.perRetry);
  await placeAll(context);
  await machine.upTo("leave");
  await machine.report();
  assert.equal(await told(rig, run), "SUCCEEDED AFTER_COMMIT");

  await sql`update retry_budgets set "left" = ${retryBudget.perRetry / 2}`;
  const late = await begin(rig, { workflow: "notes.anywhere" });
  await failOn(machine);
  assert.equal(await told(rig, late), "FAILED BEFORE_COMMIT");
  const why = (await readRunView(sql, tenantId, late))?.failure?.retryDecision;
  assert.match(why ?? "", /not tried again: .* its budget of retries is used up/);
  assert.deepEqual((await kinds(rig, late)).slice(-2), ["ATTEMPT_ENDED", "ENDED"]);
  assert.equal(await budgetOf("notes.anywhere"), retryBudget.perRetry / 2 + retryBudget.perRun);

  const other = await begin(rig);
  await failOn(machine);
  assert.equal(await told(rig, other), "queued", "another workflow has a budget of its own");
});
