// The metrics of a server process with machines and runs of all outcomes, judged by promtool and against what really happened.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { AttemptPurpose, createClient, type DroverClient, Outcome, type RunHandle } from "../../sdk/index.ts";
import { openDatabase } from "../../server/postgres/connect.ts";
import { Exposition } from "../support/exposition.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product } from "../support/product.ts";
import { promtool } from "../support/promtool.ts";
import {
  attachSimulated,
  type SimulatedMachine,
  simulatedMousepad,
  simulatedNote,
} from "../support/simulated-machine.ts";

/** What must never be told: what people are called and have, and what opens doors. */
const planted = {
  text: "Jane Doe, born 1957-03-12",
  path: "/charts/jane-doe.txt",
  key: "order-jane-doe",
  machine: "vm-of-ward-seven",
  caller: "doctor-roe",
};
const inputs = { path: planted.path, text: planted.text };

/** A note whose commit step is done, and whose own check does not see it. */
const unsettled = simulatedNote("notes.unsettled")
  .replace("done: { window: Save As, absent: true }", 'done: { window: "no such window", for: 100ms }')
  .replace("timeout: 4m", "timeout: 4m\nretry: { attempts: 1 }");
const failing = `
workflow: notes.failing
application: mousepad
readonly: true
retry: { attempts: 2, on: [ASSERTION_FAILED] }
steps: [ { assert: { window: "no such window" } } ]
`;
const nobodyHas = `
application: ehr
launch: { command: [ehr] }
ready: [ { process: ehr } ]
`;
const nowhere = `
workflow: ehr.look
application: ehr
readonly: true
steps: [ { read: { window: active } } ]
`;

const product = new Product();
let database: TestDatabase;
const machines: SimulatedMachine[] = [];
let client: DroverClient;
let stranger: { readonly key: string; readonly client: DroverClient };

/** A tenant of its own, with an admin key: there is no call that makes one. */
async function anotherTenant() {
  const secret = `drover_key_${"b".repeat(43)}`;
  const sql = openDatabase(database.url, { max: 1 });
  const hash = createHash("sha256").update(secret).digest();
  const [tenant] = await sql`
    insert into tenants (id, name, created_at) values (gen_random_uuid(), 'other', now()) returning id`;
  await sql`
    insert into keys (id, tenant_id, owner, scope, secret_hash, created_at)
    values (gen_random_uuid(), ${tenant?.["id"]}, 'somebody', 'admin', ${hash}, now())`;
  await sql.end();
  return { key: secret, client: createClient({ url: product.server.apiUrl, key: secret }) };
}

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  client = product.client();
  await product.put(simulatedMousepad, simulatedNote("notes.save"), simulatedNote("notes.held", { held: true }));
  await product.put(unsettled, failing, nobodyHas, nowhere);
  machines.push(await attachSimulated(product, planted.machine), await attachSimulated(product, "vm-2"));
  stranger = await anotherTenant();
});

after(async () => {
  stranger?.client.close();
  await Promise.all(machines.map((machine) => machine.stop()));
  await product.stop();
  await database?.drop();
});

async function scrape(key: string): Promise<Exposition> {
  const headers = { authorization: `Bearer ${key}`, accept: "application/openmetrics-text;q=0.9,text/plain;q=0.5" };
  const answer = await fetch(`${product.server.apiUrl}/metrics`, { headers });
  assert.equal(answer.status, 200);
  return new Exposition(await answer.text());
}

/** Runs of all outcomes, and some that wait. */
async function doAll() {
  const { secret } = await client.createKey({ owner: planted.caller, scope: "CALLER" });
  const caller = createClient({ url: product.server.apiUrl, key: secret });
  const runs: RunHandle[] = [];
  const start = async (workflow: string, given: object = inputs, options = {}) => {
    const run = await caller.start(workflow, given as never, options);
    runs.push(run);
    return run;
  };
  const ended = async (run: RunHandle) => {
    for await (const event of run) if (event.kind === "ENDED") return;
  };
  for (let i = 0; i < 3; i++) await ended(await start("notes.save", inputs, { idempotencyKey: `${planted.key}-${i}` }));
  await caller.start("notes.save", inputs, { idempotencyKey: `${planted.key}-0` });
  await ended(await start("notes.failing", {}));
  await ended(await start("notes.unsettled"));
  const held = await start("notes.held");
  // It types before it is held.
  for await (const event of held) if (event.kind === "STEP_STARTED" && event.step === "held") break;
  await held.cancel();
  await ended(held);
  await ended(await start("ehr.look", {}, { queueTimeoutMs: 1_000 }));
  await client.pause({ workflow: "notes.save" });
  for (let i = 0; i < 4; i++) await start("notes.save");
  for (let i = 0; i < 2; i++) await start("ehr.look", {});
  await start("ehr.look", {}, { notBefore: new Date(Date.now() + 3_600_000) });
  await client.cordonMachine("vm-2");
  caller.close();
  return { runs, secret };
}

test("what is told is what happened, promtool finds nothing wrong, and nothing is told of any person (G11, G12)", async () => {
  const { runs, secret } = await doAll();
  const key = product.server.adminKey();
  const told = await scrape(key);

  const checked = promtool(["check", "metrics"], told.text);
  assert.deepEqual([checked.code, checked.said], [0, ""]);

  assert.deepEqual(told.counts("drover_runs_started_total"), {
    "notes.save": 7,
    "notes.failing": 1,
    "notes.unsettled": 1,
    "notes.held": 1,
    "ehr.look": 4,
  });
  assert.deepEqual(told.counts("drover_runs_ended_total"), {
    "notes.save SUCCEEDED": 3,
    "notes.failing FAILED": 1,
    "notes.unsettled UNKNOWN": 1,
    "notes.held CANCELLED": 1,
    "ehr.look EXPIRED": 1,
  });
  assert.deepEqual(told.all("drover_runs_ended_total", { workflow: "notes.save" }).length, 5, "from 0 on");
  assert.deepEqual(told.counts("drover_attempts_ended_total"), await attemptsOf(runs));
  assert.equal(told.sum("drover_dispatch_duration_seconds_count"), 6, "each run that was placed, once");
  assert.ok((told.sum("drover_dispatch_duration_seconds_sum") ?? 60) < 60);
  assert.equal(told.sum("drover_first_step_duration_seconds_count"), 6);
  assert.deepEqual(told.counts("drover_queue_runs"), {
    "notes.save mousepad default queued PAUSED": 4,
    "ehr.look ehr default queued APPLICATION_MISSING": 2,
    "ehr.look ehr default queued NOT_BEFORE": 1,
  });
  const oldest = told.sum("drover_queue_oldest_age_seconds", { reason: "PAUSED" }) ?? 0;
  assert.ok(oldest > 0 && oldest < 60, `${oldest}`);
  assert.equal(told.sum("drover_queue_oldest_age_seconds", { reason: "NOT_BEFORE" }), 0);
  assert.deepEqual(told.counts("drover_machines"), { "default idle": 2 });
  assert.deepEqual(told.counts("drover_application_machines"), {
    "mousepad default NONE": 1,
    "mousepad default CORDONED": 1,
  });
  assert.equal(told.sum("drover_agent_streams"), 2);
  assert.equal(told.sum("drover_agent_starts_total"), 2);
  assert.equal(told.sum("drover_agent_reconnects_total"), 0);
  assert.ok((told.sum("drover_agent_beats_total") ?? 0) >= 2);
  assert.equal(told.sum("drover_replica_live"), 1);
  assert.equal(told.sum("drover_database_readable"), 1);
  assert.equal(told.sum("drover_database_errors_total"), 0);
  const passes = told.all("drover_loop_pass_duration_seconds_count");
  for (const loop of ["placing", "expiring", "holding", "rolling out", "renewing", "strays"]) {
    assert.ok((passes.find(({ labels }) => labels["loop"] === loop)?.value ?? 0) > 0, loop);
  }

  const ids = runs.map(({ id }) => id);
  for (const secretThing of [...Object.values(planted), key, secret, ...ids, "Jane", "jane", "Mousepad"]) {
    assert.ok(!told.text.includes(secretThing), secretThing);
  }
  await elsewhere(told);
});

/** What the API tells of the attempts of these runs, as the metric tells it. */
async function attemptsOf(runs: readonly RunHandle[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { id } of runs) {
    const { run } = await client.services.runs.getRun({ runId: id });
    for (const { purpose, failure } of run?.attempts ?? []) {
      assert.equal(purpose, AttemptPurpose.ATTEMPT);
      const cancelled = run?.outcome === Outcome.CANCELLED;
      const how = cancelled ? "cancelled" : failure === undefined ? "succeeded" : "failed";
      const of = ["mousepad attempt", how, ...(failure === undefined ? [] : [failure.category])].join(" ");
      counts[of] = (counts[of] ?? 0) + 1;
    }
  }
  return counts;
}

/** Another tenant is told of the process, and of nothing of this one. */
async function elsewhere(told: Exposition): Promise<void> {
  const other = await scrape(stranger.key);
  assert.deepEqual([...other.types.keys()].sort(), [...told.types.keys()].sort());
  for (const name of ["mousepad", "notes", "ehr", "default"]) assert.ok(!other.text.includes(name), name);
  const counted = other.samples.filter(
    ({ name, value }) => value > 0 && /^drover_(runs|attempts|agent|dispatch|first)/.test(name),
  );
  assert.deepEqual(counted, []);
  assert.ok((other.sum("drover_loop_pass_duration_seconds_count") ?? 0) > 0);
}
