// Frames made for tests: no screen of anyone's.

import type { Frame } from "../../../agent/desktop/desktop.ts";

/** Noise from a seed: every place looks different from every other. */
export function noise(width: number, height: number, seed: number): Frame {
  const rgba = new Uint8Array(width * height * 4);
  let state = seed;
  for (let at = 0; at < rgba.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    rgba[at] = at % 4 === 3 ? 255 : state >>> 24;
  }
  return { width, height, rgba };
}

export function flat(width: number, height: number, value: number): Frame {
  return { width, height, rgba: new Uint8Array(width * height * 4).fill(value) };
}

export function cut(frame: Frame, x: number, y: number, width: number, height: number): Frame {
  const rgba = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * frame.width + x) * 4;
    rgba.set(frame.rgba.subarray(from, from + width * 4), row * width * 4);
  }
  return { width, height, rgba };
}

export function paste(frame: Frame, part: Frame, x: number, y: number): void {
  for (let row = 0; row < part.height; row++) {
    const from = row * part.width * 4;
    frame.rgba.set(part.rgba.subarray(from, from + part.width * 4), ((y + row) * frame.width + x) * 4);
  }
}

/** Each colour value changed. */
export function changed(frame: Frame, change: (value: number) => number): Frame {
  return { ...frame, rgba: frame.rgba.map((value, at) => (at % 4 === 3 ? value : change(value))) };
}
