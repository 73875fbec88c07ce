// Sight on real frames: `agent/vision` behind the interface that steps know.

import { findImage, type ImageAnswer, UnusableTemplate } from "../vision/find-image.ts";
import { decodePng, encodePng } from "../vision/png.ts";
import type { Sight, Sighting } from "./sight.ts";
import { StepEnded } from "./step-ended.ts";

export function screenSight(): Sight {
  return {
    async findImage(frame, png, threshold, region) {
      return sightingOf(usable(() => findImage(frame, decodePng(png), { threshold, ...(region && { region }) })));
    },
    async readText() {
      throw new StepEnded("UNSUPPORTED", "this agent cannot read text");
    },
    async encode(frame) {
      return { contentType: "image/png", bytes: encodePng(frame) };
    },
    async stop() {},
  };
}

function sightingOf({ matches: [first], best, ambiguous }: ImageAnswer): Sighting {
  if (first === undefined) return { is: "missing", bestScore: best?.score ?? 0 };
  return { is: ambiguous ? "ambiguous" : "found", seen: first };
}

/** A picture that cannot be looked for at all is the workflow's mistake, and not a thing that is absent. */
function usable<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    const wrong = error instanceof UnusableTemplate || error instanceof RangeError || error instanceof TypeError;
    throw wrong ? new StepEnded("PROTOCOL", "the picture to look for cannot be used") : error;
  }
}
