// 200 simulated machines, 1,000 runs, one replica on a real Postgres: all end, and no machine ever has two drivers, judged
// by what arrived at the simulated desktops themselves (G1, G4, G6). This judge imports nothing of the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import { SimulatedFleet } from "../support/simulated-fleet.ts";
import { simulatedMousepad } from "../support/simulated-machine.ts";

const machines = 200;
const runs = 1_000;

/** The text of run i is \`<i>\`, typed once: the stream of characters of a machine must be whole texts, one after another. */
const workflow = `
workflow: fleet.note
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
timeout: 4m
steps:
  - focus: { title: "*Mousepad", process: mousepad }
  - { type: "\${inputs.text}", in: "*Mousepad" }
  - { press: ctrl+s, in: "*Mousepad" }
  - wait: { window: Save As, for: 10s }
  - { press: ctrl+a, in: Save As }
  - { type: "\${inputs.path}", in: Save As }
  - { id: save, press: enter, in: Save As, effect: commit, guard: { window: Save As }, done: { window: Save As, absent: true } }
  - { press: ctrl+a, in: "*Mousepad" }
result: {}
`;

const product = new Product();
let database: TestDatabase;
const fleet = new SimulatedFleet();

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  await product.put(simulatedMousepad, workflow);
  await fleet.enrol(product, machines, 1);
});

after(async () => {
  await fleet.stop();
  await product.stop();
  await database?.drop();
});

test("1,000 runs on 200 simulated machines all end, each done once, and no machine ever has two drivers", async (t) => {
  const client = product.client();
  const began = performance.now();
  const started = await client
    .startMany(
      Array.from({ length: runs }, (_, i) => ({
        workflow: "fleet.note",
        inputs: { path: `/notes/${i}`, text: `<${i}>` },
      })),
    )
    .catch((error) => assert.fail(`${error}\n${product.server.log.slice(-5).join("\n")}`));
  assert.equal(started.filter((answer) => "started" in answer).length, runs);
  await until(
    "every run has ended",
    async () => {
      for await (const _ of client.runs({ state: "QUEUED" })) return false;
      for await (const _ of client.runs({ state: "RUNNING" })) return false;
      return true;
    },
    240_000,
  );
  t.diagnostic(`${runs} runs in ${Math.round((performance.now() - began) / 1000)} s`);
  let succeeded = 0;
  for await (const _ of client.runs({ outcome: "SUCCEEDED" })) succeeded++;
  assert.equal(succeeded, runs);

  const saves = new Map<string, number>();
  for (const world of fleet.worlds) {
    for (const [path, file] of world.files) saves.set(path, (saves.get(path) ?? 0) + file.saves);
  }
  assert.equal(saves.size, runs, "every note was saved");
  assert.deepEqual(
    [...saves].filter(([, times]) => times !== 1),
    [],
    "and none twice",
  );

  const typed: string[] = [];
  for (const [machine, entries] of fleet.inputs) {
    const text = entries
      .filter((entry) => entry.kind === "key")
      .map((entry) => entry.key)
      .join("");
    // Two drivers on one machine would mix their characters.
    const whole = text.replace(/<(\d+)>\/notes\/\1/g, (_, i: string) => {
      typed.push(i);
      return "";
    });
    assert.equal(whole, "", `${machine} got nothing but whole runs, one after another`);
    assert.ok(entries.every((entry) => entry.receiver === "mousepad"));
  }
  assert.equal(new Set(typed).size, runs);
  assert.equal(typed.length, runs, "no run was typed twice");
});
