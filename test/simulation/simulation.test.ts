import assert from "node:assert/strict";
import { test } from "node:test";
import { createDatabase } from "../support/postgres.ts";
import type { FaultKind } from "./faults.ts";
import { loadProductSimulated } from "./loading.ts";

loadProductSimulated();
const { prepareGround } = await import("./ground.ts");
const { faultKinds } = await import("./faults.ts");
const { trial } = await import("./trial.ts");

const ground = await prepareGround((await createDatabase()).url);

test("the same seed gives the same simulation, and another seed another one", async () => {
  const [once, again, other] = [
    await trial(ground, { seed: 7, runs: 40 }),
    await trial(ground, { seed: 7, runs: 40 }),
    await trial(ground, { seed: 8, runs: 40 }),
  ];
  assert.match(once.hash, /^[0-9a-f]{16}$/);
  assert.equal(once.hash, again.hash);
  assert.notEqual(once.hash, other.hash);
});

/** 1010 runs, the ones above included. */
const groups: readonly (readonly [title: string, faults: readonly FaultKind[], runs: number])[] = [
  ["nothing that goes wrong", [], 90],
  ["machines that are paused", ["agent stopped", "machine suspended", "machine stunned"], 100],
  ["agents and machines that die", ["agent killed", "machine crashed"], 100],
  ["lines that are cut", ["line cut upwards", "line cut downwards", "line cut"], 100],
  ["streams that are half dead", ["stream dead upwards", "stream dead downwards"], 100],
  ["desktops that fail", ["application killed", "application frozen", "window in the way", "desktop hung"], 100],
  ["replicas that die or stand still", ["replica killed", "replica's host gone", "replica stopped"], 100],
  ["replicas that are replaced", ["replica restarted", "all replicas killed"], 100],
  ["a Postgres that is away", ["Postgres restarted", "replica cut off from Postgres"], 100],
];

for (const [title, faults, runs] of groups) {
  test(`a fleet with ${title} keeps what is guaranteed (G1, G3, G4, G5, G6, G7, G8)`, async () => {
    const { told } = await trial(ground, { seed: 2, runs, faults });
    assert.deepEqual(told, []);
  });
}

test("every kind of fault is tried", () => {
  const tried = groups.flatMap(([, faults]) => faults);
  assert.deepEqual(tried.toSorted(), [...faultKinds].sort());
});
