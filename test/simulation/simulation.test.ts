import assert from "node:assert/strict";
import { test } from "node:test";
import { createDatabase } from "../support/postgres.ts";
import { loadProductSimulated } from "./loading.ts";

loadProductSimulated();
const { prepareGround } = await import("./ground.ts");
const { trial } = await import("./trial.ts");

const ground = await prepareGround((await createDatabase()).url);

test("the same seed gives the same simulation, and another seed another one", async () => {
  const [once, again, other] = [
    await trial(ground, { seed: 7, runs: 40 }),
    await trial(ground, { seed: 7, runs: 40 }),
    await trial(ground, { seed: 8, runs: 40 }),
  ];
  assert.equal(once.hash, again.hash);
  assert.notEqual(once.hash, other.hash);
});
