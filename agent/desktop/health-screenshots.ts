// Health screenshots: by screenshot-desktop, whose programs are another way to the pixels than this process's own, so that
// one broken path does not hide behind itself; and in process where that cannot be. On X11 its programs may not be installed;
// on Windows it compiles one on the machine, with .NET's compiler, which may be missing or forbidden. One warm-up shot
// decides whether it is tried at all.
//
// 1. A shot that it fails to take, or does not take in time, is taken in process, and the next one is tried with it again:
//    a locked desktop is unlocked. Which way the last shot came is told.
// 2. Its programs run once at a time: what hangs is waited for before they are started again.
// 3. Shots are taken one after another, and callers that come while one is taken share it: each costs processes and 100 ms
//    of a core. The warm-up shot must be alone: on Windows two at once would compile into the same file.

import { encodePng } from "../vision/png.ts";
import type { DesktopTraits, Frame } from "./desktop.ts";

export type CapturePath = Exclude<DesktopTraits["capture"], "">;

export interface Ways {
  /** By screenshot-desktop: a PNG. */
  independent(): Promise<Uint8Array>;
  /** In this process. */
  own(): Frame;
  readonly ownPath: CapturePath;
}

/** Compiling takes seconds on a slow machine. */
const WITHIN_MS = 20_000;

export class HealthScreenshots {
  readonly #ways: Ways;
  readonly #withinMs: number;
  #works: Promise<boolean> | undefined;
  #last: CapturePath;
  #underWay: Promise<Uint8Array> | undefined;
  /** The other programs are at work, or hang. */
  #busy = false;

  constructor(ways: Ways, withinMs = WITHIN_MS) {
    this.#ways = ways;
    this.#withinMs = withinMs;
    this.#last = ways.ownPath;
  }

  /** Which way the last shot came. */
  async path(): Promise<CapturePath> {
    await this.#warmedUp();
    return this.#last;
  }

  take(): Promise<Uint8Array> {
    this.#underWay ??= this.#take().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #take(): Promise<Uint8Array> {
    const png = (await this.#warmedUp()) ? await this.#independent() : undefined;
    return png ?? encodePng(this.#ways.own());
  }

  #warmedUp(): Promise<boolean> {
    this.#works ??= this.#independent().then((png) => png !== undefined);
    return this.#works;
  }

  /** Undefined when the other way gave no picture in time. */
  async #independent(): Promise<Uint8Array | undefined> {
    const png = this.#busy ? undefined : await this.#inTime(this.#tried());
    this.#last = png === undefined ? this.#ways.ownPath : "screenshot-desktop";
    return png;
  }

  async #tried(): Promise<Uint8Array | undefined> {
    this.#busy = true;
    try {
      const bytes = await this.#ways.independent();
      return isPng(bytes) ? bytes : undefined;
    } catch {
      return undefined;
    } finally {
      this.#busy = false;
    }
  }

  #inTime<T>(asked: Promise<T>): Promise<T | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(late.resolve, this.#withinMs, undefined);
    return Promise.race([asked, late.promise]).finally(() => clearTimeout(timer));
  }
}

const isPng = (bytes: Uint8Array): boolean => bytes.length >= 8 && bytes[0] === 0x89 && bytes[1] === 0x50;
