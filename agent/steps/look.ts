// One look at the desktop: a window list, an active window, a frame, a process list, each taken at most once and only
// if asked for. Everything that is evaluated together is evaluated on one look; nothing is remembered between looks.

import type { WindowPattern } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { Box, Desktop, DesktopProcess, DesktopWindow, Frame, Surface } from "../desktop/desktop.ts";
import type { Sight, Sighting, TextOnFrame } from "./sight.ts";
import { overlap, windowFits } from "./window-pattern.ts";

export class Look {
  readonly desktop: Desktop;
  readonly #sight: Sight;
  /** Names of the leased application's executables. */
  readonly processNames: readonly string[];
  readonly #taken = new Map<string, Promise<unknown>>();

  constructor(desktop: Desktop, sight: Sight, processNames: readonly string[]) {
    this.desktop = desktop;
    this.#sight = sight;
    this.processNames = processNames;
  }

  surface = (): Promise<Surface> => this.#once("surface", () => this.desktop.surface());
  frame = (): Promise<Frame> => this.#once("frame", () => this.desktop.capture());
  windows = (): Promise<DesktopWindow[]> => this.#once("windows", () => this.desktop.windows());
  active = (): Promise<DesktopWindow | undefined> => this.#once("active", () => this.desktop.activeWindow());
  processes = (): Promise<DesktopProcess[]> => this.#once("processes", () => this.desktop.processes());

  belongs(window: DesktopWindow): boolean {
    return this.processNames.includes(window.process);
  }

  /** The application's windows, the topmost last. */
  async ownWindows(): Promise<DesktopWindow[]> {
    return (await this.windows()).filter((window) => this.belongs(window));
  }

  async fitting(pattern: WindowPattern): Promise<DesktopWindow[]> {
    return (await this.windows()).filter((window) => windowFits(pattern, window));
  }

  /** The boxes to search: the whole screen, or what of the fitting windows is on it. */
  async regions(within: WindowPattern | undefined): Promise<(Box | undefined)[]> {
    if (within === undefined) return [undefined];
    const { width, height } = await this.frame();
    const screen = { x: 0, y: 0, width, height };
    return (await this.fitting(within)).flatMap(({ box }) => overlap(box, screen) ?? []);
  }

  async findImage(png: Uint8Array, threshold: number, region: Box | undefined): Promise<Sighting> {
    return this.#sight.findImage(await this.frame(), png, threshold, region);
  }

  async text(region: Box | undefined): Promise<TextOnFrame> {
    const key = region === undefined ? "text" : `text ${region.x} ${region.y} ${region.width} ${region.height}`;
    return this.#once(key, async () => this.#sight.readText(await this.frame(), region));
  }

  #once<T>(key: string, take: () => Promise<T>): Promise<T> {
    const taken = (this.#taken.get(key) as Promise<T> | undefined) ?? take();
    this.#taken.set(key, taken);
    return taken;
  }
}
