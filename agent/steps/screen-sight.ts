// Sight on real frames: `agent/vision` behind the interface that steps know.

import { encodePng } from "../vision/png.ts";
import type { Sight } from "./sight.ts";
import { StepEnded } from "./step-ended.ts";

export function screenSight(): Sight {
  return {
    async findImage() {
      throw new StepEnded("UNSUPPORTED", "this agent cannot find pictures");
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
