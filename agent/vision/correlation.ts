// Zero-mean normalised cross-correlation of a small picture with places of a large one: 1 is the same picture up to
// brightness and contrast, 0 unrelated, -1 its negative.

import type { Grey } from "./grey.ts";

/** Sums over any rectangle in four look-ups: of the values, and of their squares. */
export interface Sums {
  readonly stride: number;
  readonly values: Float64Array;
  readonly squares: Float64Array;
}

export function sumsOf(grey: Grey): Sums {
  const stride = grey.width + 1;
  const values = new Float64Array(stride * (grey.height + 1));
  const squares = new Float64Array(stride * (grey.height + 1));
  for (let y = 0, from = 0; y < grey.height; y++) {
    let row = 0;
    let rowSquares = 0;
    for (let x = 0, to = (y + 1) * stride + 1; x < grey.width; x++, to++) {
      const value = grey.values[from++] as number;
      row += value;
      rowSquares += value * value;
      values[to] = (values[to - stride] as number) + row;
      squares[to] = (squares[to - stride] as number) + rowSquares;
    }
  }
  return { stride, values, squares };
}

/** A template made ready: its values around their mean, and the length of that vector. */
export interface Pattern {
  readonly width: number;
  readonly height: number;
  readonly deviations: Float32Array;
  readonly norm: number;
}

export function patternOf(grey: Grey): Pattern {
  const count = grey.values.length;
  let sum = 0;
  for (const value of grey.values) sum += value;
  const deviations = new Float32Array(count);
  let squares = 0;
  for (let at = 0; at < count; at++) {
    const deviation = (grey.values[at] as number) - sum / count;
    deviations[at] = deviation;
    squares += deviation * deviation;
  }
  return { width: grey.width, height: grey.height, deviations, norm: Math.sqrt(squares) };
}

/** A place whose variance per pixel is below this is flat: it resembles nothing. */
const flatVariance = 0.01;

export function scoreAt(grey: Grey, sums: Sums, pattern: Pattern, x: number, y: number): number {
  const { width, height, deviations } = pattern;
  const count = width * height;
  const top = y * sums.stride + x;
  const bottom = (y + height) * sums.stride + x;
  const over = (table: Float64Array) =>
    (table[bottom + width] as number) -
    (table[bottom] as number) -
    (table[top + width] as number) +
    (table[top] as number);
  const sum = over(sums.values);
  const spread = over(sums.squares) - (sum * sum) / count;
  if (spread < count * flatVariance) return -1;
  let product = 0;
  for (let row = 0, at = 0; row < height; row++) {
    let from = (y + row) * grey.width + x;
    for (let column = 0; column < width; column++) {
      product += (grey.values[from++] as number) * (deviations[at++] as number);
    }
  }
  return product / (Math.sqrt(spread) * pattern.norm);
}
