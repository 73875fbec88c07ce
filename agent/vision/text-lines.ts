// Where lines of text are on a screen: the pre-pass that makes OCR of a whole screen good and cheap.
//
// Text is a dense run of brightness edges, some pixels high. Edges that run straight down for long are window borders
// and are dropped; edges close together in a row are joined; what hangs together is a box; boxes side by side on one
// base line are one line. Large text is looked for the same way on the halved and quartered picture.

import type { Box } from "../desktop/desktop.ts";
import { connectedBoxes, type DenseBox } from "./connected-boxes.ts";
import { type Grey, halved } from "./grey.ts";

/** In pixels of the picture that is looked at. */
const lineHeightMin = 5;
const lineHeightMax = 40;
/** On the halved and the quartered picture, lower boxes were already seen on the finer ones. */
const halvedHeightMin = [lineHeightMin, 17, 12] as const;
/** There, a letter; lower pieces are whole lines of small text that would be taken for one large line. */
const halvedPieceHeightMin = 11;

const edgeMin = 40;
const borderRunMin = 22;
const joinGap = 9;
const mergeGap = 14;
const densityMin = 0.25;
const widthMin = 4;

/** Boxes of the lines, from top to bottom, then left to right. */
export function findTextLines(grey: Grey): Box[] {
  let lines: Box[] = [];
  let picture = grey;
  for (const [level, heightMin] of halvedHeightMin.entries()) {
    if (level > 0) picture = halved(picture);
    const factor = 2 ** level;
    const found = linesAtScale(picture, level === 0 ? lineHeightMin : halvedPieceHeightMin).filter(
      (box) => box.height >= heightMin,
    );
    lines = addLarger(
      lines,
      found.map((box) => times(box, factor)),
    );
  }
  return lines.sort((a, b) => a.y - b.y || a.x - b.x);
}

/** A larger line is taken if the finer pass saw nothing, or only pieces of it, where it is; the pieces go. */
function addLarger(lines: readonly Box[], larger: readonly Box[]): Box[] {
  const kept = [...lines];
  for (const box of larger) {
    const inside = kept.filter((line) => overlap(line, box) > area(line) / 2);
    if (inside.some((line) => !isPieceOf(line, box))) continue;
    for (const line of inside) kept.splice(kept.indexOf(line), 1);
    kept.push(box);
  }
  return kept;
}

/**
 * Low pieces of large letters are about as wide as high; a line of small text (that looks like one large letter on the
 * coarser picture) is wider. A piece as high as the line is the line without letters whose stems passed for borders.
 */
function isPieceOf(line: Box, larger: Box): boolean {
  if (line.height > larger.height * 0.8) return line.height > 30 && area(line) < area(larger) * 0.9;
  return line.height < 8 || line.width < 3 * line.height;
}

function linesAtScale(grey: Grey, pieceHeightMin: number): Box[] {
  const edges = findEdges(grey);
  dropBorders(edges, grey);
  joinAlongRows(edges, grey);
  const boxes = connectedBoxes(edges, grey.width, grey.height).filter(
    (box) => isTextLike(box) && box.height >= pieceHeightMin,
  );
  const letters = boxes.filter((box) => box.height >= pieceHeightMin);
  return mergeOnBaseLine(boxes).filter(
    (line) => line.width > 6 && line.height > lineHeightMin && letters.some((letter) => overlap(letter, line) > 0),
  );
}

function isTextLike({ width, height, filled }: DenseBox): boolean {
  const high = height >= lineHeightMin && height <= lineHeightMax;
  return high && width >= widthMin && filled / (width * height) > densityMin;
}

function findEdges({ width, height, values }: Grey): Uint8Array {
  const edges = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
      const next = values[at + 1] as number;
      const across = Math.abs(next - (values[at - 1] as number));
      if (across > edgeMin || Math.abs(next - (values[at] as number)) > edgeMin) edges[at] = 1;
    }
  }
  return edges;
}

function dropBorders(edges: Uint8Array, { width, height }: Grey): void {
  for (let x = 0; x < width; x++) {
    let start = -1;
    for (let y = 0; y <= height; y++) {
      const edge = y < height && edges[y * width + x] === 1;
      if (edge && start < 0) start = y;
      if (edge || start < 0) continue;
      if (y - start > borderRunMin) for (let row = start; row < y; row++) edges[row * width + x] = 0;
      start = -1;
    }
  }
}

function joinAlongRows(edges: Uint8Array, { width, height }: Grey): void {
  for (let y = 0; y < height; y++) {
    let last = Number.NEGATIVE_INFINITY;
    for (let x = 0; x < width; x++) {
      if (edges[y * width + x] !== 1) continue;
      if (x - last <= joinGap) edges.fill(1, y * width + last, y * width + x);
      last = x;
    }
  }
}

function mergeOnBaseLine(boxes: readonly Box[]): Box[] {
  const lines: Box[] = [];
  for (const box of [...boxes].sort((a, b) => a.x - b.x)) {
    let merged: Box = box;
    // Merging makes a line longer, so that it may now reach another: look again until nothing changes.
    for (let found = true; found; ) {
      const at = lines.findIndex((line) => belongTogether(line, merged));
      found = at >= 0;
      if (found) merged = union(lines.splice(at, 1)[0] as Box, merged);
    }
    lines.push(merged);
  }
  return lines;
}

function belongTogether(a: Box, b: Box): boolean {
  const shared = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const gap = Math.max(a.x, b.x) - Math.min(a.x + a.width, b.x + b.width);
  return shared > Math.min(a.height, b.height) / 2 && gap < mergeGap && union(a, b).height <= lineHeightMax;
}

export function union(a: Box, b: Box): Box {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

const area = (box: Box) => box.width * box.height;

function times({ x, y, width, height }: Box, factor: number): Box {
  return { x: x * factor, y: y * factor, width: width * factor, height: height * factor };
}
