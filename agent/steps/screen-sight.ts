// Sight on real frames: `agent/vision` behind the interface that steps know.

import { findImage, type ImageAnswer, UnusableTemplate } from "../vision/find-image.ts";
import { findText, fold } from "../vision/find-text.ts";
import { decodePng, encodePng } from "../vision/png.ts";
import { createTextReader, type TextLine, type TextReaderOptions } from "../vision/text-reader.ts";
import type { Sight, Sighting } from "./sight.ts";
import { StepEnded } from "./step-ended.ts";

export function screenSight(options: TextReaderOptions = {}): Sight {
  const reader = createTextReader(options);
  return {
    async findImage(frame, png, threshold, region) {
      return imageSighting(usable(() => findImage(frame, decodePng(png), { threshold, ...(region && { region }) })));
    },
    async readText(frame, region) {
      const { text, lines } = await reader.read(frame, region);
      return { text, find: (wanted) => textSighting(lines, wanted) };
    },
    async encode(frame) {
      return { contentType: "image/png", bytes: encodePng(frame) };
    },
    stop: () => reader.stop(),
  };
}

function imageSighting({ matches: [first], best, ambiguous }: ImageAnswer): Sighting {
  if (first === undefined) return { is: "missing", bestScore: best?.score ?? 0 };
  return { is: ambiguous ? "ambiguous" : "found", seen: first };
}

export function textSighting(lines: readonly TextLine[], wanted: string): Sighting {
  if (fold(wanted) === "") throw new StepEnded("PROTOCOL", "the text to look for is empty");
  const [first, second] = findText(lines, wanted).matches.filter(({ text }) => numbersAgree(wanted, text));
  if (first === undefined) return { is: "missing", bestScore: 0 };
  const seen = { box: first.box, score: 1 - first.errors / fold(wanted).length };
  return { is: second?.errors === first.errors ? "ambiguous" : "found", seen };
}

/**
 * Letters may be misread; a number with another digit is another number. A guard asks for a patient's number, and the
 * next patient's differs from it by one digit (G3).
 */
function numbersAgree(wanted: string, read: string): boolean {
  const readWords = new Set(wordsOf(read));
  const numbers = wanted.split(/\s+/).filter((word) => /\d/.test(word));
  return wordsOf(numbers.join(" ")).every((number) => readWords.has(number));
}

/** Words as OCR is forgiven for reading them, without the punctuation around them. */
const wordsOf = (text: string): string[] =>
  text
    .split(/\s+/)
    .map((word) => fold(word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "")))
    .filter((word) => word !== "");

/** A picture that cannot be looked for at all is the workflow's mistake, and not a thing that is absent. */
function usable<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    const wrong = error instanceof UnusableTemplate || error instanceof RangeError || error instanceof TypeError;
    throw wrong ? new StepEnded("PROTOCOL", "the picture to look for cannot be used") : error;
  }
}
