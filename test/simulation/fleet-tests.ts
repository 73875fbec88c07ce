// A test for each of some fleets: what is guaranteed is kept, and what was decided of placements is decided again from what was
// recorded of it. To be imported once the product is loaded as simulated.

import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf, replay } from "./decisions.ts";
import type { Fleet } from "./fleets.ts";
import type { Ground } from "./ground.ts";
import { trial } from "./trial.ts";

export function testFleets(ground: Ground, fleets: readonly Fleet[]): void {
  for (const [title, faults, runs, seed = 2] of fleets) {
    test(`a fleet with ${title} keeps what is guaranteed (G1 to G8, G14)`, async () => {
      const lines: string[] = [];
      const decided = (...decision: Parameters<typeof lineOf>) => lines.push(lineOf(...decision));
      const { told } = await trial(ground, { seed, runs, faults, decided });
      assert.deepEqual(told, []);
      assert.deepEqual(replay(lines).different, [], "decisions that are made otherwise again");
    });
  }
}
