// 200 simulated machines in mid-word when the stop button is pressed (G14), judged by what arrives at their desktops.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { all, Outcome } from "../../sdk/index.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import { SimulatedFleet } from "../support/simulated-fleet.ts";
import { simulatedMousepad, simulatedNote } from "../support/simulated-machine.ts";

const machines = 200;
const text = "halt me in mid-word, ".repeat(2);
/** So slow that most are still at it when the last ones begin; all together they make dozens of inputs in a second. */
const inputLatencyMs = 3_000;

const product = new Product();
const fleet = new SimulatedFleet();
let database: TestDatabase;

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  await product.put(simulatedMousepad, simulatedNote("fleet.slow").replace('text}", in', 'text}", timeout: 3m, in'));
  await fleet.enrol(product, machines, inputLatencyMs);
});

after(async () => {
  await fleet.stop();
  await product.stop();
  await database?.drop();
});

test("Halt on 200 machines in mid-word: no input after a second, and each goes on where it was", async (t) => {
  const client = product.client();
  const wanted = Array.from({ length: machines }, (_, i) => ({ path: `/halted/${i}`, text }));
  await client.startMany(wanted.map((inputs) => ({ workflow: "fleet.slow", inputs })));
  const logs = [...fleet.inputs.values()];
  const inMidWord = () => logs.filter(({ length }) => length > 0 && length < text.length).length;
  await until("most of them type", () => inMidWord() > machines * 0.9, 120_000);
  await client.halt({ tenant: true }, "a drill");
  const haltedAt = Date.now();
  await until("they would have typed on", () => Date.now() > haltedAt + 2_000);
  const last = Math.max(...logs.map((entries) => entries.at(-1)?.at ?? 0));
  t.diagnostic(`the last input came ${last - haltedAt} ms after the halt was answered`);
  assert.ok(last < haltedAt + 1_000);
  assert.ok(inMidWord() > machines * 0.9, "they stopped in mid-word");

  for (const world of fleet.worlds) world.inputLatencyMs = 1;
  assert.equal((await client.resume({ tenant: true }))?.reason, "a drill");
  const runs = () => all(client.runs({ workflow: "fleet.slow" }));
  await until("every run has ended", async () => (await runs()).every(({ outcome }) => outcome !== 0), 120_000);
  const failures = (await runs()).filter(({ outcome }) => outcome !== Outcome.SUCCEEDED);
  assert.deepEqual(
    failures.map(({ failure }) => [failure?.category, failure?.step, failure?.retryDecision]),
    [],
  );
  const saved = fleet.worlds.flatMap(({ files }) => [...files.values()]);
  assert.equal(saved.length, machines);
  for (const file of saved) assert.deepEqual(file, { text, saves: 1 });
});
