// Boxes around what hangs together in a picture of ones and zeros.

import type { Box } from "../desktop/desktop.ts";

export interface DenseBox extends Box {
  /** How many ones it holds. */
  readonly filled: number;
}

interface Run {
  readonly from: number;
  readonly to: number;
  readonly row: number;
  /** Index of another run of the same piece; its own if it is the piece's first. */
  piece: number;
}

/** Ones that touch, also corner to corner, are one piece. */
export function connectedBoxes(ones: Uint8Array, width: number, height: number): DenseBox[] {
  const runs: Run[] = [];
  let above: readonly [number, number] = [0, 0];
  for (let row = 0; row < height; row++) {
    const start = runs.length;
    addRuns(ones, width, row, runs);
    joinWithRowAbove(runs, above, start);
    above = [start, runs.length];
  }
  return boxesOf(runs);
}

function addRuns(ones: Uint8Array, width: number, row: number, runs: Run[]): void {
  const offset = row * width;
  for (let x = 0; x < width; x++) {
    if (ones[offset + x] !== 1) continue;
    const from = x;
    while (x < width && ones[offset + x] === 1) x++;
    runs.push({ from, to: x - 1, row, piece: runs.length });
  }
}

/** Both rows are in order of x, so one walk along them meets every pair that touches. */
function joinWithRowAbove(runs: Run[], [first, end]: readonly [number, number], start: number): void {
  let candidate = first;
  for (let at = start; at < runs.length; at++) {
    const run = runs[at] as Run;
    while (candidate < end && (runs[candidate] as Run).to < run.from - 1) candidate++;
    for (let other = candidate; other < end && (runs[other] as Run).from <= run.to + 1; other++) {
      const a = pieceOf(runs, other);
      const b = pieceOf(runs, at);
      (runs[Math.max(a, b)] as Run).piece = Math.min(a, b);
    }
  }
}

function pieceOf(runs: Run[], index: number): number {
  let at = index;
  for (let run = runs[at] as Run; run.piece !== at; run = runs[at] as Run) {
    run.piece = (runs[run.piece] as Run).piece; // halves the way for the next one who asks
    at = run.piece;
  }
  return at;
}

function boxesOf(runs: Run[]): DenseBox[] {
  const pieces = new Map<number, { left: number; right: number; top: number; bottom: number; filled: number }>();
  for (const [index, { from, to, row }] of runs.entries()) {
    const piece = pieceOf(runs, index);
    const box = pieces.get(piece);
    if (!box) {
      pieces.set(piece, { left: from, right: to, top: row, bottom: row, filled: to - from + 1 });
      continue;
    }
    box.left = Math.min(box.left, from);
    box.right = Math.max(box.right, to);
    box.bottom = row; // rows come in order
    box.filled += to - from + 1;
  }
  return [...pieces.values()].map(({ left, right, top, bottom, filled }) => ({
    x: left,
    y: top,
    width: right - left + 1,
    height: bottom - top + 1,
    filled,
  }));
}
