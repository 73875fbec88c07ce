// A fleet of 100 simulated machines through the public API: one caller's burst and another's few runs behind it, and one machine
// among the others on which every run fails at once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient, type DroverClient } from "../../sdk/index.ts";
import { openDatabase } from "../../server/postgres/connect.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import { SimulatedFleet } from "../support/simulated-fleet.ts";
import { simulatedMousepad } from "../support/simulated-machine.ts";

const machines = 100;
const poison = "a window that spoils everything";

const workflow = `
workflow: fleet.note
application: mousepad
inputs: { type: object, properties: {} }
readonly: true
retry: { attempts: 2, on: [APP_CRASHED] }
queue: 7d
steps:
  - assert: { window: "${poison}", absent: true }
  - focus: { title: "*Mousepad", process: mousepad }
  - { type: a note, in: "*Mousepad" }
`;

const product = new Product();
const fleet = new SimulatedFleet();
let database: TestDatabase;
let sql: ReturnType<typeof openDatabase>;

before(async () => {
  database = await createDatabase();
  sql = openDatabase(database.url, { max: 2, onnotice: () => {} });
  await product.startServers({ databaseUrl: database.url });
  await product.put(simulatedMousepad, workflow);
  await fleet.enrol(product, machines, 1);
});

after(async () => {
  await fleet.stop();
  await product.stop();
  await sql?.end({ timeout: 5 });
  await database?.drop();
});

/** So many runs, in calls that end in time however slow the machine is. None is placed before all wait. */
async function start(client: DroverClient, count: number): Promise<void> {
  const admin = product.client();
  await admin.pause({ pool: "default" }, "a burst is made");
  for (let left = count; left > 0; left -= 200) {
    await client.startMany(Array.from({ length: Math.min(left, 200) }, () => ({ workflow: "fleet.note", inputs: {} })));
  }
  await admin.unpause({ pool: "default" });
}

/** How many runs have ended so. */
async function ended(outcome: "SUCCEEDED" | "FAILED"): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from runs where outcome = ${outcome}`;
  return row?.count ?? 0;
}

test("a machine on which every run fails at once takes three of many at most, and one more as a probe when its time is over", async () => {
  const client = product.client();
  const [world] = fleet.worlds;
  const sign = world?.open({ title: poison, process: "sign" });
  assert.ok(world !== undefined && sign !== undefined);
  const quarantined = async () => (await client.machine("simulated-0")).quarantinedUntil;
  const move = (by: string) =>
    sql`update machines set quarantined_until = quarantined_until + ${by}::interval where name = 'simulated-0'`;

  await start(client, 300);
  const over = async (runs: number) => (await ended("SUCCEEDED")) + (await ended("FAILED")) === runs;
  await until("all have ended", () => over(300), 240_000);
  const taken = await ended("FAILED");
  // Where others are free it is the last choice after its first failure, and may not come to three.
  assert.ok(taken >= 1 && taken <= 3, `${taken}`);

  // As if it had come to three, and its time were over.
  await sql`
    update machines set failures_in_a_row = 3, quarantines = 1, quarantined_until = now() where name = 'simulated-0'`;
  await start(client, 300);
  await until("it has had a probe", async () => (await ended("FAILED")) > taken && (await quarantined()), 60_000);
  await move("1 hour");
  await until("all have ended again", () => over(600), 240_000);
  assert.equal(await ended("FAILED"), taken + 1);

  // Repaired.
  world.remove(sign.id);
  await start(client, 300);
  await move("-2 hours");
  await until("it is a machine like the others", async () => (await quarantined()) === undefined, 60_000);
  await until("all have ended at last", () => over(900), 240_000);
  assert.equal(await ended("FAILED"), taken + 1);
});

test("ten runs of another caller behind a burst of 10,000 are placed within the next twenty placements", async (t) => {
  const admin = product.client();
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map(async (owner) => {
      const { secret } = await admin.createKey({ owner, scope: "CALLER" });
      return createClient({ url: product.server.apiUrl, key: secret });
    }),
  );
  t.after(() => Promise.all([ann?.close(), bob?.close()]));
  assert.ok(ann !== undefined && bob !== undefined);
  await start(ann, 10_000);
  const placed = async () => (await sql`select 1 from runs where caller = 'ann' and state <> 'queued'`).length;
  await until("the burst is under way", async () => (await placed()) > machines, 60_000);
  await bob.startMany(Array.from({ length: 10 }, () => ({ workflow: "fleet.note", inputs: {} })));
  await until(
    "bob's runs were placed",
    async () => (await sql`select 1 from runs where caller = 'bob' and state = 'queued'`).length === 0,
    60_000,
  );
  // Attempts have ids in the order of placement; those of one pass begin at the same instant.
  const [row] = await sql<{ between: number; passes: number; waiting: number }[]>`
    with bob as (
      select max(r.created_at) as began, min(a.id::text)::uuid as first, max(a.id::text)::uuid as last
      from runs r join attempts a on a.run_id = r.id where r.caller = 'bob')
    select (select count(*)::int from runs where state = 'queued') as waiting,
      (select count(*)::int from attempts where id >= first and id <= last) as between,
      (select count(distinct started_at)::int from attempts where id < first and started_at > began) as passes
    from bob`;
  assert.ok(row !== undefined);
  t.diagnostic(`${row.between} placements from the first to the last of bob's, ${row.waiting} of ann's still wait`);
  assert.ok(row.between <= 20, `${row.between}`);
  // One may have been under way.
  assert.ok(row.passes <= 1, `${row.passes}`);
  assert.ok(row.waiting > 0);
});
