// Reading text off frames: tesseract.js with the packaged English data, on a worker that starts at the first read and
// ends when it was not needed for a while (it holds about 100 MB). Nothing is ever fetched over a network.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createWorker, OEM, PSM, type Worker } from "tesseract.js";
import type { Box, Frame } from "../desktop/desktop.ts";
import { clip, greyOf } from "./grey.ts";
import { inOrder, type ReadText, readLines } from "./line-reading.ts";
import { findTextLines } from "./text-lines.ts";

export type { ReadText, TextLine, TextWord } from "./line-reading.ts";

export interface TextReader {
  /** What stands on the frame, or on a region of it. Reads one at a time; callers wait for each other. */
  read(frame: Frame, region?: Box): Promise<ReadText>;
  /** Whether the worker is there. */
  readonly running: boolean;
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

  get running(): boolean {
    return this.#worker !== undefined;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#turn;
    await this.#endWorker();
  }

  async #read(frame: Frame, region: Box): Promise<ReadText> {
    if (this.#stopped) throw new Error("the text reader is stopped");
    const grey = greyOf(frame, region);
    const found = findTextLines(grey);
    if (found.length === 0) return { text: "", lines: [] };
    clearTimeout(this.#idle);
    this.#worker ??= startWorker(this.#options);
    try {
      const worker = await this.#worker;
      const lines = [...(await readLines(worker, grey, found))];
      // In company, a small line is now and then passed over as dirt: what gave no word is read once more by itself.
      const passedOver = found.filter((_, index) => !lines.some((line) => line.index === index));
      const indexes = passedOver.map((line) => found.indexOf(line));
      const again = await readLines(worker, grey, passedOver);
      lines.push(...again.map((line) => ({ ...line, index: indexes[line.index] ?? 0 })));
      return inOrder(lines, region);
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
