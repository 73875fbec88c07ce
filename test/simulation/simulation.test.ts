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
    await trial(ground, { seed: 7, runs: 30 }),
    await trial(ground, { seed: 7, runs: 30 }),
    await trial(ground, { seed: 8, runs: 30 }),
  ];
  assert.match(once.hash, /^[0-9a-f]{16}$/);
  assert.equal(once.hash, again.hash);
  assert.notEqual(once.hash, other.hash);
});

/** With the ones above 1010 runs. */
const groups: readonly (readonly [title: string, faults: readonly FaultKind[], runs: number, seed?: number])[] = [
  ["nothing that goes wrong", [], 60],
  [
    "operators who stop things, and people at the mouse",
    [
      ...["machine halted", "workflow, application, pool or tenant halted", "machine cordoned", "machine drained"],
      ...["machine released", "person at the mouse"],
    ] as FaultKind[],
    160,
    // One in which no wake-up is lost: a halt is to be known at once.
    9,
  ],
  [
    "machines that are paused or die",
    ["agent stopped", "machine suspended", "machine stunned", "agent killed", "machine crashed"],
    140,
  ],
  [
    "lines that are cut and streams that are half dead",
    ["line cut upwards", "line cut downwards", "line cut", "stream dead upwards", "stream dead downwards"],
    140,
  ],
  ["desktops that fail", ["application killed", "application frozen", "window in the way", "desktop hung"], 120],
  [
    "replicas that die, stand still or are replaced",
    ["replica killed", "replica's host gone", "replica stopped", "replica restarted", "all replicas killed"],
    160,
  ],
  ["a Postgres that is away", ["Postgres restarted", "replica cut off from Postgres"], 140],
];

for (const [title, faults, runs, seed = 2] of groups) {
  test(`a fleet with ${title} keeps what is guaranteed (G1, G3, G4, G5, G6, G7, G8, G14)`, async () => {
    const { told } = await trial(ground, { seed, runs, faults });
    assert.deepEqual(told, []);
  });
}

test("every kind of fault is tried", () => {
  const tried = groups.flatMap(([, faults]) => faults);
  assert.deepEqual(tried.toSorted(), [...faultKinds].sort());
});
