// Whether a person is at the mouse or the keyboard (guarantee G14). Windows tells when the last input came, whoever it came
// from: what is not the agent's own is somebody else's.
//
// A single input without a move of the pointer is not believed yet: a window that comes up under the pointer can look like
// one. A person goes on. While the agent types without a pause, a person's input hides behind the agent's: it is seen at the
// first pause that is longer than the slack.

import type { Point } from "../desktop.ts";
import type { Win32 } from "./win32.ts";

/** LASTINPUTINFO: its own size, then the tick count. */
const infoBytes = 8;
/** Input is stamped with a clock that goes forward by up to 16 ms at once, and handled after it was sent. */
const slackMs = 100;
/** Two inputs this far apart are one person's; closer ones may be of one event. */
const goesOn = { afterMs: 100, withinMs: 1000 };

/** What is asked of Windows. */
export type InputClock = Pick<Win32, "GetTickCount" | "GetLastInputInfo" | "GetCursorPos">;

export class ForeignInput {
  readonly #win32: InputClock;
  #lastSent: number | undefined;
  /** Where the pointer was when last looked at; unknown after input of the agent's own. */
  #pointer: Point | undefined;
  /** An input that was not the agent's and is not believed yet to be a person's. */
  #suspected: number | undefined;
  #lastForeign: number | undefined;
  #seen = 0;

  constructor(win32: InputClock) {
    this.#win32 = win32;
  }

  /** The agent sent input. */
  sent(): void {
    this.#lastSent = this.#win32.GetTickCount();
    this.#pointer = undefined;
  }

  /** How long ago somebody else's input came; undefined if none is known of. To be asked now and then. */
  msAgo(): number | undefined {
    this.#look();
    if (this.#lastForeign === undefined) return undefined;
    return Math.max(0, elapsed(this.#lastForeign, this.#win32.GetTickCount()));
  }

  /** How often some was seen so far, presses and moves alike. */
  seen(): number {
    this.#look();
    return this.#seen;
  }

  #look(): void {
    const moved = this.#pointerMoved();
    const last = this.#lastInput();
    if (last === undefined || last === this.#lastForeign) return;
    if (this.#lastSent !== undefined && elapsed(this.#lastSent, last) <= slackMs) return;
    const apartMs = this.#suspected === undefined ? Number.POSITIVE_INFINITY : elapsed(this.#suspected, last);
    const again = apartMs >= goesOn.afterMs && apartMs <= goesOn.withinMs;
    if (moved || again) {
      this.#lastForeign = last;
      this.#seen++;
    }
    if (apartMs >= goesOn.afterMs) this.#suspected = last;
  }

  #lastInput(): number | undefined {
    const info = Buffer.alloc(infoBytes);
    info.writeUInt32LE(infoBytes, 0);
    return this.#win32.GetLastInputInfo(info) === 0 ? undefined : info.readUInt32LE(4);
  }

  #pointerMoved(): boolean {
    const point = Buffer.alloc(8);
    if (this.#win32.GetCursorPos(point) === 0) return false;
    const now = { x: point.readInt32LE(0), y: point.readInt32LE(4) };
    const before = this.#pointer;
    this.#pointer = now;
    return before !== undefined && (before.x !== now.x || before.y !== now.y);
  }
}

/** Of two tick counts, which begin anew every 49.7 days; negative if `from` is the later one. */
const elapsed = (from: number, to: number): number => (to - from) | 0;
