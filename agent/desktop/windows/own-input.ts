// Whether a person is at the mouse or the keyboard (guarantee G14). Windows tells when the last input came, whoever it came
// from: what is not the agent's own is a person's (or another program's, which is as good a reason to hold).
// While the agent types without a pause, a person's input hides behind the agent's: it is seen at the first pause that is
// longer than the slack.

import type { Win32 } from "./win32.ts";

/** LASTINPUTINFO: its own size, then the tick count. */
const infoBytes = 8;
/** Input is stamped with a clock that goes forward by up to 16 ms at once, and handled after it was sent. */
const slackMs = 100;

export class OwnInput {
  readonly #win32: Win32;
  #lastSent: number | undefined;
  #lastForeign: number | undefined;

  constructor(win32: Win32) {
    this.#win32 = win32;
  }

  sent(): void {
    this.#lastSent = this.#win32.GetTickCount();
  }

  /** How long ago input came that was not the agent's own; undefined if none is known of. */
  foreignMsAgo(): number | undefined {
    const info = Buffer.alloc(infoBytes);
    info.writeUInt32LE(infoBytes, 0);
    if (this.#win32.GetLastInputInfo(info) !== 0) {
      const last = info.readUInt32LE(4);
      if (this.#lastSent === undefined || elapsed(this.#lastSent, last) > slackMs) this.#lastForeign = last;
    }
    return this.#lastForeign === undefined
      ? undefined
      : Math.max(0, elapsed(this.#lastForeign, this.#win32.GetTickCount()));
  }
}

/** Of two tick counts, which begin anew every 49.7 days; negative if `from` is the later one. */
export const elapsed = (from: number, to: number): number => (to - from) | 0;
