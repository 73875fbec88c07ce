// Finding a wanted text among what was read: forgiving where OCR errs, refusing where that leaves a choice.

import type { Box } from "../desktop/desktop.ts";
import type { TextLine, TextWord } from "./line-reading.ts";
import { union } from "./text-lines.ts";

export interface TextMatch {
  /** As it was read. */
  readonly text: string;
  /** Around the matching words only. */
  readonly box: Box;
  /** How many letters differ after folding. */
  readonly errors: number;
}

export interface TextAnswer {
  /** The best first: fewest errors, then from the top. */
  readonly matches: readonly TextMatch[];
  readonly best: TextMatch | undefined;
  /** Two places match equally well: neither may be clicked. */
  readonly ambiguous: boolean;
}

/** One letter in ten may differ; shorter texts must match (folded) exactly. */
const errorShareMax = 0.1;

/** Letters that a screen's font makes alike, cases and accents are one; so are all kinds of space. */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[il1|!]/g, "l")
    .replace(/o/g, "0")
    .replace(/[\u2018\u2019`]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2010-\u2015]/g, "-")
    .replace(/\s+/g, " ")
    .trim();
}

/** Places where whole words read like `wanted`, within a line. */
export function findText(lines: readonly TextLine[], wanted: string): TextAnswer {
  const folded = fold(wanted);
  if (folded === "") throw new RangeError("there is no text to look for");
  const matches = lines
    .flatMap(({ words }) => matchesIn(words, folded))
    .sort((a, b) => a.errors - b.errors || a.box.y - b.box.y || a.box.x - b.box.x);
  const [first, second] = matches;
  return { matches, best: first, ambiguous: second !== undefined && second.errors === first?.errors };
}

/** For every word that a match could begin with, the run of words from it that is nearest to what is wanted. */
function matchesIn(words: readonly TextWord[], folded: string): TextMatch[] {
  const errorsMax = Math.floor(folded.length * errorShareMax);
  const found: (TextMatch & { readonly from: number; readonly to: number })[] = [];
  for (let from = 0; from < words.length; from++) {
    let text = "";
    for (let to = from; to < words.length; to++) {
      const word = words[to] as TextWord;
      text = text === "" ? word.text : `${text} ${word.text}`;
      const read = fold(text);
      if (read.length > folded.length + errorsMax + 2) break;
      const errors = Math.min(distance(read, folded), distance(fold(trimmed(text)), folded));
      if (errors > errorsMax) continue;
      const box = words.slice(from, to + 1).reduce((sum, { box: own }) => union(sum, own), word.box);
      found.push({ text, box, errors, from, to });
    }
  }
  return withoutOverlaps(found);
}

/** Punctuation around a word is not part of it, nor is the border of its window: "OK," or "|OK". */
function trimmed(text: string): string {
  return text.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

function withoutOverlaps<T extends TextMatch & { readonly from: number; readonly to: number }>(
  found: T[],
): TextMatch[] {
  const kept: T[] = [];
  for (const match of found.sort((a, b) => a.errors - b.errors || a.to - a.from - (b.to - b.from))) {
    if (!kept.some((other) => match.from <= other.to && other.from <= match.to)) kept.push(match);
  }
  return kept.map(({ text, box, errors }) => ({ text, box, errors }));
}

/** Levenshtein's: insertions, removals and replacements that lead from one text to the other. */
export function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
