// Simulated fleets, and whether what is guaranteed was kept (G1, G3, G4, G5, G6, G7, G8, G14).

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDatabase } from "../support/postgres.ts";
import { brokenMachines, brokenServers, stopped } from "./fleets.ts";
import { loadProductSimulated } from "./loading.ts";

loadProductSimulated();
const { prepareGround } = await import("./ground.ts");
const { faultKinds } = await import("./faults.ts");
const { trial } = await import("./trial.ts");
const { lineOf, replay } = await import("./decisions.ts");
const { testFleets } = await import("./fleet-tests.ts");

const ground = await prepareGround((await createDatabase()).url);

test("the same seed gives the same simulation, and another seed another one", async () => {
  const [once, again, other] = [
    await trial(ground, { seed: 7, runs: 30 }),
    await trial(ground, { seed: 7, runs: 30 }),
    await trial(ground, { seed: 8, runs: 30 }),
  ];
  assert.match(once.hash, /^[0-9a-f]{16}$/);
  assert.equal(once.hash, again.hash);
  assert.notEqual(once.hash, other.hash);
});

testFleets(ground, stopped);

test("every placement that a fleet decided is decided again from what was recorded of it", async () => {
  const lines: string[] = [];
  const faults = ["workflow or application limited"] as const;
  const decided = (...decision: Parameters<typeof lineOf>) => lines.push(lineOf(...decision));
  const { told } = await trial(ground, { seed: 11, runs: 90, faults, decided });
  assert.deepEqual(told, []);
  const { choices, different } = replay(lines);
  assert.deepEqual(different, []);
  assert.ok(choices > 20, `${choices} of ${lines.length} decisions were of several runs and machines`);
});

test("every kind of fault is tried, and the fleets have a thousand runs", () => {
  const fleets = [...stopped, ...brokenMachines, ...brokenServers];
  assert.deepEqual(fleets.flatMap(([, faults]) => faults).sort(), [...faultKinds].sort());
  assert.ok(fleets.reduce((sum, [, , runs]) => sum + runs, 90) >= 1_000);
});
