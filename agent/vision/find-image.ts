// Finding a small picture on a frame, wherever it is: coarse to fine over halved pictures.
//
// Measured on screens: the same picture scores 1.00, in another brightness or tint 0.996, blurred or from a JPEG 0.95
// to 0.98, a look-alike button up to 0.89, an absent picture below 0.5. It is found at its own size only.

import type { Box, Frame } from "../desktop/desktop.ts";
import { type Pattern, patternOf, scoreAt, sumsOf } from "./correlation.ts";
import { clip, type Grey, greyOf, halved } from "./grey.ts";

export interface ImageSearch {
  /** Lowest score that counts; default 0.9. Small icons want 0.95. */
  readonly threshold?: number;
  /** Where to look; the whole frame by default. */
  readonly region?: Box;
  /** A second place that scores within this of the best makes the answer ambiguous; default 0.03. */
  readonly margin?: number;
}

export interface ImageMatch {
  readonly box: Box;
  readonly score: number;
}

export interface ImageAnswer {
  /** Distinct places at or above the threshold, the best first. */
  readonly matches: readonly ImageMatch[];
  /** The best place whether it counts or not: for saying how near a miss was. Undefined if the template is too large. */
  readonly best: ImageMatch | undefined;
  /** Several places are as good as each other: none may be clicked. */
  readonly ambiguous: boolean;
}

/** The template cannot be looked for. */
export class UnusableTemplate extends Error {
  override readonly name = "UnusableTemplate";
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly score: number;
}

const levelsMax = 2;
/** Below this many pixels a side, a halved template keeps too little to be recognised by. */
const coarseSideMin = 6;
const candidatesMax = 24;
const coarseScoreMin = 0.3;
const contrastMin = 2;
const templateSideMin = 4;

export function findImage(frame: Frame, template: Frame, search: ImageSearch = {}): ImageAnswer {
  const { threshold = 0.9, margin = 0.03 } = search;
  const region = clip(
    search.region ?? { x: 0, y: 0, width: frame.width, height: frame.height },
    frame.width,
    frame.height,
  );
  const greyTemplate = greyOf(template);
  if (Math.min(template.width, template.height) < templateSideMin)
    throw new UnusableTemplate("the template is too small");
  if (isFlat(greyTemplate)) {
    throw new UnusableTemplate("the template is all of one colour: it would be found anywhere or nowhere");
  }
  if (template.width > region.width || template.height > region.height) {
    return { matches: [], best: undefined, ambiguous: false };
  }
  const places = distinct(searchPyramid(greyOf(frame, region), greyTemplate), template);
  const found = places.map(({ x, y, score }) => ({
    box: { x: x + region.x, y: y + region.y, width: template.width, height: template.height },
    score,
  }));
  const matches = found.filter((match) => match.score >= threshold);
  const [first, second] = matches;
  const ambiguous = first !== undefined && second !== undefined && first.score - second.score < margin;
  return { matches, best: found[0], ambiguous };
}

function isFlat(grey: Grey): boolean {
  return patternOf(grey).norm < contrastMin * Math.sqrt(grey.values.length);
}

function searchPyramid(image: Grey, template: Grey): Place[] {
  const images = [image];
  const templates = [template];
  for (let level = 0; level < levelsMax; level++) {
    const last = templates[level] as Grey;
    if (Math.min(last.width, last.height) < coarseSideMin * 2) break;
    const half = halved(last);
    if (isFlat(half)) break; // a fine hatching vanishes when it is halved
    templates.push(half);
    images.push(halved(images[level] as Grey));
  }
  const coarsest = images.length - 1;
  let places = peaks(images[coarsest] as Grey, patternOf(templates[coarsest] as Grey));
  for (let level = coarsest - 1; level >= 0; level--) {
    const finer = images[level] as Grey;
    const sums = sumsOf(finer);
    const pattern = patternOf(templates[level] as Grey);
    places = places.map((place) => refine(place, (x, y) => scoreAt(finer, sums, pattern, x, y), finer, pattern));
  }
  return places.sort((a, b) => b.score - a.score);
}

/** Local maxima of the score over the whole picture, the best first. */
function peaks(image: Grey, pattern: Pattern): Place[] {
  const width = image.width - pattern.width + 1;
  const height = image.height - pattern.height + 1;
  if (width <= 0 || height <= 0) return [];
  const sums = sumsOf(image);
  const scores = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) scores[y * width + x] = scoreAt(image, sums, pattern, x, y);
  }
  const found: Place[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const score = scores[y * width + x] as number;
      if (score >= coarseScoreMin && isPeak(scores, width, height, x, y)) found.push({ x, y, score });
    }
  }
  return found.sort((a, b) => b.score - a.score).slice(0, candidatesMax);
}

function isPeak(scores: Float32Array, width: number, height: number, x: number, y: number): boolean {
  const score = scores[y * width + x] as number;
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      if ((scores[row * width + column] as number) > score) return false;
    }
  }
  return true;
}

/** The best place on the finer picture near a place of the coarser one. */
function refine(coarse: Place, score: (x: number, y: number) => number, image: Grey, pattern: Pattern): Place {
  let best: Place = { x: 0, y: 0, score: -2 };
  const bottom = Math.min(image.height - pattern.height, coarse.y * 2 + 3);
  const right = Math.min(image.width - pattern.width, coarse.x * 2 + 3);
  for (let y = Math.max(0, coarse.y * 2 - 2); y <= bottom; y++) {
    for (let x = Math.max(0, coarse.x * 2 - 2); x <= right; x++) {
      const here = score(x, y);
      if (here > best.score) best = { x, y, score: here };
    }
  }
  return best;
}

/** Of places that overlap by more than half a template, only the best. */
function distinct(places: readonly Place[], template: Frame): Place[] {
  const kept: Place[] = [];
  for (const place of places) {
    const near = kept.some(
      (other) => Math.abs(other.x - place.x) * 2 < template.width && Math.abs(other.y - place.y) * 2 < template.height,
    );
    if (!near) kept.push(place);
  }
  return kept;
}
