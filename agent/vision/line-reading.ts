// One OCR pass over the lines found on a picture, and its words back on their lines.

import type { Page, Worker } from "tesseract.js";
import type { Box } from "../desktop/desktop.ts";
import type { Grey } from "./grey.ts";
import { encodePng } from "./png.ts";
import { makeSheet, type Strip } from "./text-sheet.ts";

export interface TextWord {
  readonly text: string;
  /** On the screen. */
  readonly box: Box;
  /** 0 to 100. */
  readonly confidence: number;
}

export interface TextLine extends TextWord {
  readonly words: readonly TextWord[];
}

export interface ReadText {
  /** All lines, one below the other. */
  readonly text: string;
  readonly lines: readonly TextLine[];
}

/** A line of a sheet that gave words; its boxes are those of the picture, which may be a region of a screen. */
export interface ReadLine extends TextLine {
  /** Which of the lines that were to be read. */
  readonly index: number;
}

/** A line this unlikely is a picture that was taken for text. Single words are never left out: a gap would lie. */
const confidenceMin = 20;
/** The space between two buttons, with its four corners, reads as one or two of these: they must be surer. */
const cornerLike = /^[Iil|![\](){}fJTr/\\]{1,2}$/;
const cornerConfidenceMin = 80;

/** Of lines that give no word, or only what a picture gives, nothing comes back. */
export async function readLines(worker: Worker, grey: Grey, lines: readonly Box[]): Promise<ReadLine[]> {
  if (lines.length === 0) return [];
  const sheet = makeSheet(grey, lines);
  const answer = await worker.recognize(Buffer.from(encodePng(sheet.picture)), {}, { text: false, blocks: true });
  const words = wordsOf(answer.data);
  return sheet.strips.flatMap((strip, index) => {
    const own = words
      .filter(({ bbox }) => isOn(strip, (bbox.y0 + bbox.y1) / 2))
      .map(({ text, confidence, bbox }) => ({ text: text.trim(), confidence, box: onPicture(strip, bbox) }))
      .filter(({ text }) => text !== "")
      .sort((a, b) => a.box.x - b.box.x);
    if (own.length === 0 || isCorner(own)) return [];
    const confidence = own.reduce((sum, word) => sum + word.confidence, 0) / own.length;
    if (confidence < confidenceMin) return [];
    return [{ text: own.map((word) => word.text).join(" "), box: strip.from, confidence, words: own, index }];
  });
}

/** All lines from top to bottom, on the screen that `region` was cut from. */
export function inOrder(lines: readonly ReadLine[], region: Box): ReadText {
  const moved = (box: Box) => ({ ...box, x: box.x + region.x, y: box.y + region.y });
  const ordered = [...lines]
    .sort((a, b) => a.index - b.index)
    .map(({ text, box, confidence, words }) => ({
      text,
      box: moved(box),
      confidence,
      words: words.map((word) => ({ ...word, box: moved(word.box) })),
    }));
  return { text: ordered.map((line) => line.text).join("\n"), lines: ordered };
}

function wordsOf(page: Page) {
  return (page.blocks ?? []).flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ lines }) => lines.flatMap((line) => line.words)),
  );
}

function isCorner(words: readonly TextWord[]): boolean {
  const text = words.map((word) => word.text).join("");
  return cornerLike.test(text) && words.every((word) => word.confidence < cornerConfidenceMin);
}

function isOn({ on }: Strip, y: number): boolean {
  return y >= on.y - 8 && y < on.y + on.height + 8;
}

function onPicture({ from, on, scale }: Strip, box: { x0: number; y0: number; x1: number; y1: number }): Box {
  return {
    x: Math.round(from.x + (box.x0 - on.x) / scale),
    y: Math.round(from.y + (box.y0 - on.y) / scale),
    width: Math.max(1, Math.round((box.x1 - box.x0) / scale)),
    height: Math.max(1, Math.round((box.y1 - box.y0) / scale)),
  };
}
