// A sheet for OCR: every line of text cut out of the screen, black on white whatever its colours were, about equally
// high, one below the other. One pass over it reads them all, and the height says which line a word belongs to.

import type { Box, Frame } from "../desktop/desktop.ts";
import type { Grey } from "./grey.ts";

export interface Strip {
  /** The cut on the screen's picture. */
  readonly from: Box;
  /** Where it lies on the sheet. */
  readonly on: Box;
  readonly scale: number;
}

export interface Sheet {
  readonly picture: Frame;
  readonly strips: readonly Strip[];
}

/** Twice the size reads best for ordinary text; larger text must be as low, or the small lines pass for its dirt. */
const enlarge = 2;
const ordinaryHeightMax = 22;
const sideMargin = 20;
const gap = 24;
/** The background's brightness may differ by this much (gradients). */
const backgroundSpread = 6;
const contrastMin = 30;
const sheetPixelsMax = 16 * 1024 * 1024;

/** Lines beyond what one sheet may hold are left out. */
export function makeSheet(grey: Grey, lines: readonly Box[]): Sheet {
  const strips: Strip[] = [];
  let bottom = sideMargin;
  let widest = 0;
  for (const line of lines) {
    const from = withMargin(line, grey);
    const scale = line.height <= ordinaryHeightMax ? enlarge : (enlarge * ordinaryHeightMax) / line.height;
    const on = {
      x: sideMargin,
      y: bottom,
      width: Math.round(from.width * scale),
      height: Math.round(from.height * scale),
    };
    const width = Math.max(widest, on.width);
    if ((width + 2 * sideMargin) * (bottom + on.height + gap) > sheetPixelsMax) break;
    widest = width;
    bottom += on.height + gap;
    strips.push({ from, on, scale });
  }
  const picture = { width: widest + 2 * sideMargin, height: bottom, rgba: new Uint8Array(0) };
  picture.rgba = new Uint8Array(picture.width * picture.height * 4).fill(255);
  for (const strip of strips) draw(grey, strip, picture);
  return { picture, strips };
}

function withMargin(line: Box, grey: Grey): Box {
  const larger = Math.max(1, line.height / ordinaryHeightMax);
  const x = Math.max(0, line.x - Math.round(5 * larger));
  const y = Math.max(0, line.y - Math.round(3 * larger));
  const right = Math.min(grey.width, line.x + line.width + Math.round(5 * larger));
  const bottom = Math.min(grey.height, line.y + line.height + Math.round(3 * larger));
  return { x, y, width: right - x, height: bottom - y };
}

function draw(grey: Grey, { from, on }: Strip, sheet: { width: number; rgba: Uint8Array }): void {
  const { background, contrast } = colours(grey, from);
  for (let y = 0; y < on.height; y++) {
    const atY = place(y, on.height, from.height);
    for (let x = 0; x < on.width; x++) {
      const value = sample(grey, from, place(x, on.width, from.width), atY);
      const ink = Math.min(255, (Math.abs(value - background) / contrast) * 255);
      const to = ((on.y + y) * sheet.width + on.x + x) * 4;
      sheet.rgba[to] = sheet.rgba[to + 1] = sheet.rgba[to + 2] = 255 - ink;
    }
  }
}

/** The commonest brightness is the background; ink is what lies as far from it as the furthest fiftieth. */
function colours(grey: Grey, box: Box): { background: number; contrast: number } {
  const histogram = new Uint32Array(256);
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let at = y * grey.width + box.x, end = at + box.width; at < end; at++) {
      const value = grey.values[at] as number;
      histogram[value] = (histogram[value] as number) + 1;
    }
  }
  let background = 0;
  let most = 0;
  for (let value = 0; value < 256; value++) {
    let near = 0;
    for (let other = value - backgroundSpread; other <= value + backgroundSpread; other++)
      near += histogram[other] ?? 0;
    if (near > most) [most, background] = [near, value];
  }
  let contrast = 255;
  for (let seen = 0; contrast > contrastMin; contrast--) {
    seen += (histogram[background - contrast] ?? 0) + (histogram[background + contrast] ?? 0);
    if (seen >= box.width * box.height * 0.02) break;
  }
  return { background, contrast };
}

/** Where a pixel's middle lies on a picture of another size. */
function place(at: number, size: number, sourceSize: number): number {
  return Math.min(sourceSize - 1, Math.max(0, ((at + 0.5) * sourceSize) / size - 0.5));
}

/** Between four pixels. */
function sample(grey: Grey, box: Box, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const right = Math.min(left + 1, box.width - 1);
  const below = Math.min(top + 1, box.height - 1);
  const value = (column: number, row: number) => grey.values[(box.y + row) * grey.width + box.x + column] as number;
  const upper = value(left, top) * (1 - (x - left)) + value(right, top) * (x - left);
  const lower = value(left, below) * (1 - (x - left)) + value(right, below) * (x - left);
  return upper * (1 - (y - top)) + lower * (y - top);
}
