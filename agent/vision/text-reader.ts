// Reading text off frames: tesseract.js with the packaged English data, on a worker that starts at the first read and
// ends when it was not needed for a while (it holds about 100 MB). Nothing is ever fetched over a network.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createWorker, OEM, type Page, PSM, type Worker } from "tesseract.js";
import type { Box, Frame } from "../desktop/desktop.ts";
import { clip, greyOf } from "./grey.ts";
import { encodePng } from "./png.ts";
import { findTextLines } from "./text-lines.ts";
import { makeSheet, type Sheet, type Strip } from "./text-sheet.ts";

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

export interface TextReader {
  /** What stands on the frame, or on a region of it. Reads one at a time; callers wait for each other. */
  read(frame: Frame, region?: Box): Promise<ReadText>;
  /** Ends the worker. Idempotent; a later read rejects. */
  stop(): Promise<void>;
}

export interface TextReaderOptions {
  /** The worker ends after it was not used for so long; default 60 s. */
  readonly idleMs?: number;
  /** Folder with `eng.traineddata.gz`; by default the one of the package. */
  readonly dataDir?: string;
  /** The worker's program, where it is not in the package (a single executable). */
  readonly workerPath?: string;
}

/** A line this unlikely is a picture that was taken for text. Single words are never left out: a gap would lie. */
const confidenceMin = 20;
/** One or two letters alone are often the corner of a button: they must be surer. */
const shortConfidenceMin = 80;

export function createTextReader(options: TextReaderOptions = {}): TextReader {
  return new OnDemandReader(options);
}

class OnDemandReader implements TextReader {
  readonly #options: TextReaderOptions;
  #worker: Promise<Worker> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: TextReaderOptions) {
    this.#options = options;
  }

  read(frame: Frame, region: Box = { x: 0, y: 0, width: frame.width, height: frame.height }): Promise<ReadText> {
    const reading = this.#turn.then(() => this.#read(frame, clip(region, frame.width, frame.height)));
    this.#turn = reading.catch(() => {});
    return reading;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#turn;
    await this.#endWorker();
  }

  async #read(frame: Frame, region: Box): Promise<ReadText> {
    if (this.#stopped) throw new Error("the text reader is stopped");
    const grey = greyOf(frame, region);
    const sheet = makeSheet(grey, findTextLines(grey));
    if (sheet.strips.length === 0) return { text: "", lines: [] };
    clearTimeout(this.#idle);
    this.#worker ??= startWorker(this.#options);
    try {
      const worker = await this.#worker;
      const answer = await worker.recognize(Buffer.from(encodePng(sheet.picture)), {}, { text: false, blocks: true });
      const lines = linesOnScreen(answer.data, sheet, region);
      return { text: lines.map((line) => line.text).join("\n"), lines };
    } catch (error) {
      // A worker that failed is not asked again.
      await this.#endWorker();
      throw error;
    } finally {
      this.#idle = setTimeout(() => void this.#endWorker(), this.#options.idleMs ?? 60_000).unref();
    }
  }

  async #endWorker(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.then((started) => started.terminate()).catch(() => {});
  }
}

async function startWorker(options: TextReaderOptions): Promise<Worker> {
  const worker = await createWorker("eng", OEM.LSTM_ONLY, {
    langPath: options.dataDir ?? packagedData(),
    ...(options.workerPath === undefined ? {} : { workerPath: options.workerPath }),
    cacheMethod: "none",
    gzip: true,
  });
  await worker.setParameters({ tessedit_pageseg_mode: PSM.SINGLE_BLOCK, user_defined_dpi: "200" });
  return worker;
}

function packagedData(): string {
  const manifest = createRequire(import.meta.url).resolve("@tesseract.js-data/eng/package.json");
  return join(dirname(manifest), "4.0.0_best_int");
}

/** Words go back to the strip that they were read on: their own order on the sheet does not matter. */
function linesOnScreen(page: Page, sheet: Sheet, region: Box): TextLine[] {
  const words = (page.blocks ?? []).flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ lines }) => lines.flatMap((line) => line.words)),
  );
  return sheet.strips.flatMap((strip) => {
    const own = words
      .filter(({ bbox }) => isOn(strip, (bbox.y0 + bbox.y1) / 2))
      .map(({ text, confidence, bbox }) => ({ text: text.trim(), confidence, box: onScreen(strip, bbox, region) }))
      .filter(({ text }) => text !== "")
      .sort((a, b) => a.box.x - b.box.x);
    if (own.length === 0 || isCorner(own)) return [];
    const box = { ...strip.from, x: strip.from.x + region.x, y: strip.from.y + region.y };
    const confidence = own.reduce((sum, word) => sum + word.confidence, 0) / own.length;
    if (confidence < confidenceMin) return [];
    return [{ text: own.map((word) => word.text).join(" "), box, confidence, words: own }];
  });
}

function isCorner(words: readonly TextWord[]): boolean {
  const letters = words.reduce((sum, word) => sum + word.text.length, 0);
  return letters <= 2 && words.every((word) => word.confidence < shortConfidenceMin);
}

function isOn({ on }: Strip, y: number): boolean {
  return y >= on.y - 8 && y < on.y + on.height + 8;
}

function onScreen(
  { from, on, scale }: Strip,
  box: { x0: number; y0: number; x1: number; y1: number },
  region: Box,
): Box {
  return {
    x: Math.round(region.x + from.x + (box.x0 - on.x) / scale),
    y: Math.round(region.y + from.y + (box.y0 - on.y) / scale),
    width: Math.max(1, Math.round((box.x1 - box.x0) / scale)),
    height: Math.max(1, Math.round((box.y1 - box.y0) / scale)),
  };
}
