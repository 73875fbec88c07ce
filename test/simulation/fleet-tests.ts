// A test for each of some fleets: what is guaranteed is kept. To be imported once the product is loaded as simulated.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fleet } from "./fleets.ts";
import type { Ground } from "./ground.ts";
import { type TrialOptions, trial } from "./trial.ts";

export function testFleets(ground: Ground, fleets: readonly Fleet[], more: Pick<TrialOptions, "decided"> = {}): void {
  for (const [title, faults, runs, seed = 2] of fleets) {
    test(`a fleet with ${title} keeps what is guaranteed (G1 to G8, G14)`, async () => {
      const { told } = await trial(ground, { seed, runs, faults, ...more });
      assert.deepEqual(told, []);
    });
  }
}
