// What can be seen on a simulated desktop. It draws nothing: a frame is a token, and the texts that were in the world
// when it was taken are kept beside it. Pictures cannot be found; texts are found line by line.

import type { Sight, Sighting, TextOnFrame } from "../steps/sight.ts";
import { overlap } from "../steps/window-pattern.ts";
import type { Box, Frame } from "./desktop.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

export const FRAME_SIZE = { width: 1280, height: 800 };
const LINE_HEIGHT = 16;
const CHARACTER_WIDTH = 8;

interface Line {
  readonly text: string;
  readonly box: Box;
}

const seen = new WeakMap<Frame, readonly Line[]>();
const NO_PIXELS = new Uint8Array(0);

/** A frame of the world as it is now. It has a size and no pixels. */
export function frameOf(world: SimulatedWorld): Frame {
  const frame: Frame = { ...FRAME_SIZE, rgba: NO_PIXELS };
  seen.set(
    frame,
    world.windows.flatMap(({ title, text, box }) =>
      [title, ...text.split("\n")].map((line, index) => ({
        text: line,
        box: { ...box, y: box.y + index * LINE_HEIGHT, width: line.length * CHARACTER_WIDTH, height: LINE_HEIGHT },
      })),
    ),
  );
  return frame;
}

export function simulatedSight(): Sight {
  return {
    async findImage() {
      return { is: "missing", bestScore: 0 };
    },
    async readText(frame, region) {
      const inside = ({ box }: Line) => region === undefined || overlap(box, region) !== undefined;
      return textOf((seen.get(frame) ?? []).filter(inside));
    },
    async encode() {
      return { contentType: "image/png", bytes: TINY_PNG };
    },
    async stop() {},
  };
}

function textOf(lines: readonly Line[]): TextOnFrame {
  return {
    text: lines.map(({ text }) => text).join("\n"),
    find(wanted): Sighting {
      const folded = wanted.toLowerCase();
      const [first, second] = lines.filter(({ text }) => text.toLowerCase().includes(folded));
      if (first === undefined) return { is: "missing", bestScore: 0 };
      return { is: second === undefined ? "found" : "ambiguous", seen: { box: first.box, score: 1 } };
    },
  };
}

/** One grey pixel stands for every simulated frame. */
export const TINY_PNG: Uint8Array = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  "base64",
);
