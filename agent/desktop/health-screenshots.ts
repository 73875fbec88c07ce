// Health screenshots: by screenshot-desktop, whose programs are another way to the pixels than this process's own, so that
// one broken path does not hide behind itself; and in process where that cannot be. On X11 its programs may not be installed;
// on Windows it compiles one on the machine, with .NET's compiler, which may be missing or forbidden. Which way it is is
// decided by one warm-up shot, and told in the inventory.
//
// Shots are taken one after another, and callers that come while one is taken share it: each costs processes and 100 ms of a
// core. The warm-up shot must be alone: on Windows two at once would compile into the same file.

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
const warmUpWithinMs = 20_000;

export class HealthScreenshots {
  readonly #ways: Ways;
  #path: Promise<CapturePath> | undefined;
  #underWay: Promise<Uint8Array> | undefined;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  path(): Promise<CapturePath> {
    this.#path ??= this.#warmUp();
    return this.#path;
  }

  take(): Promise<Uint8Array> {
    this.#underWay ??= this.#take().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #warmUp(): Promise<CapturePath> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("the warm-up shot took too long")), warmUpWithinMs);
    try {
      requirePng(await Promise.race([this.#ways.independent(), late.promise]));
      return "screenshot-desktop";
    } catch {
      return this.#ways.ownPath;
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(): Promise<Uint8Array> {
    if ((await this.path()) !== "screenshot-desktop") return encodePng(this.#ways.own());
    const png = await this.#ways.independent();
    requirePng(png);
    return png;
  }
}

function requirePng(bytes: Uint8Array): void {
  if (bytes.length < 8 || bytes[0] !== 0x89 || bytes[1] !== 0x50) throw new Error("the health screenshot is not a PNG");
}
