// Decisions of placing, kept as lines of JSON: what a pass looked at and what it decided, as they are. Whether the pure function
// decides the same again, from nothing but the line.

import { isDeepStrictEqual } from "node:util";
import { type Placement, type PlacingFacts, place } from "../../server/rules/placement.ts";

export interface Decision {
  readonly facts: PlacingFacts;
  readonly placements: readonly Placement[];
}

export const lineOf = (facts: PlacingFacts, placements: readonly Placement[]): string =>
  JSON.stringify({ facts, placements });

export interface Replayed {
  readonly decisions: number;
  /** Those with several runs and several machines. */
  readonly choices: number;
  /** The numbers, from 1, of the lines that are decided otherwise now. */
  readonly different: readonly number[];
}

export function replay(lines: readonly string[]): Replayed {
  const decisions = lines.map((line) => JSON.parse(line) as Decision);
  return {
    decisions: decisions.length,
    choices: decisions.filter(({ facts }) => facts.queue.length > 1 && facts.fleet.length > 1).length,
    different: decisions.flatMap(({ facts, placements }, index) =>
      isDeepStrictEqual(place(facts), placements) ? [] : [index + 1],
    ),
  };
}
