// Machines taken out of service under their work, with real agents and a real server: drained (G6), and taken away (G1).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DroverClient } from "../../sdk/index.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import {
  attachSimulated,
  type SimulatedMachine,
  simulatedMousepad,
  simulatedNote,
} from "../support/simulated-machine.ts";

const product = new Product();
let database: TestDatabase;
let client: DroverClient;
const machines: SimulatedMachine[] = [];

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  client = product.client();
  await product.put(simulatedMousepad, simulatedNote("held.note", { held: true }));
  for (const name of ["vm-1", "vm-2"]) machines.push(await attachSimulated(product, name));
});

after(async () => {
  for (const machine of machines) await machine.stop();
  await product.stop();
  await database?.drop();
});

/** A run that stays in its step `held`, and the machine that it is on. */
async function held(path: string): Promise<{ id: string; name: string }> {
  const { id } = await client.start("held.note", { path, text: "hello" });
  for await (const event of client.run(id)) {
    if (event.kind === "STEP_STARTED" && event.step === "held") return { id, name: event.machine };
  }
  return assert.fail("it never came to its step");
}

const named = (name: string) => machines.find((machine) => machine.name === name) ?? assert.fail(name);
const other = (name: string) => (name === "vm-1" ? "vm-2" : "vm-1");
const isIdle = async (name: string) => (await client.machine(name)).status === 1;

/** The run goes to the other machine and is done there; why its first attempt ended. */
async function doneElsewhere(id: string, name: string): Promise<string | undefined> {
  await until("it is on the other machine", async () => (await client.machine(other(name))).runId === id, 5_000);
  named(other(name)).release();
  await client.run(id).result();
  named(other(name)).holdNext();
  const { attempts } = (await client.services.runs.getRun({ runId: id })).run ?? assert.fail();
  assert.deepEqual(
    attempts.map(({ machineName }) => machineName),
    [name, other(name)],
  );
  return attempts[0]?.failure?.category;
}

test("a machine is drained when its agent has let go of what it did, and its run is done on another", async (t) => {
  const { id, name } = await held("/notes/drained");
  const began = performance.now();
  await client.drainMachine(name, { timeoutMs: 300 });
  await until("it is drained", () => isIdle(name), 5_000);
  t.diagnostic(`drained ${Math.round(performance.now() - began)} ms after a drain of 300 ms`);
  assert.equal(await doneElsewhere(id, name), "DRAINED");
  assert.ok(await isIdle(name));
  await client.uncordonMachine(name);
});

test("a machine that is taken away has its run done on another, and is free when its agent has said that it stopped", async (t) => {
  const { id, name } = await held("/notes/released");
  await client.cordonMachine(name);
  const began = performance.now();
  await client.releaseMachine(name);
  await until("its agent has let go", () => isIdle(name), 5_000);
  t.diagnostic(`free ${Math.round(performance.now() - began)} ms after it was taken away`);
  assert.equal(await doneElsewhere(id, name), "FORCE_RELEASED");
  await client.uncordonMachine(name);
});
