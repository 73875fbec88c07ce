// Looks at the desktop from time to time, whatever else goes on, so that each beat can say whether it answers (G13). A beat
// never waits for a look: it says what the last one found.

import { DesktopState } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop } from "./desktop/desktop.ts";

const EVERY_MS = 5000;
/** A desktop that is busy, or on a loaded host, is slow; one that says nothing for so long does not work. */
const ANSWERS_WITHIN_MS = 3000;

export interface ProbeTimes {
  readonly everyMs: number;
  readonly answersWithinMs: number;
}

export const PROBE_TIMES: ProbeTimes = { everyMs: EVERY_MS, answersWithinMs: ANSWERS_WITHIN_MS };

export class DesktopProbe {
  readonly #desktop: Pick<Desktop, "answers" | "surface">;
  readonly #times: ProbeTimes;
  readonly #changed: (state: DesktopState) => void;
  readonly #reshaped: () => void;
  /** Its size when it was last seen. */
  #size = "";
  #state: DesktopState = DesktopState.UNSPECIFIED;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(
    desktop: Pick<Desktop, "answers" | "surface">,
    times: ProbeTimes,
    changed: (state: DesktopState) => void,
    reshaped: () => void,
  ) {
    this.#desktop = desktop;
    this.#times = times;
    this.#changed = changed;
    this.#reshaped = reshaped;
  }

  get state(): DesktopState {
    return this.#state;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), this.#times.everyMs);
    void this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** At most one look is under way: a desktop that hangs is not asked again before it has answered. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      if (!(await this.#desktop.answers(this.#times.answersWithinMs))) return this.#found(DesktopState.STUCK);
      const surface = await this.#desktop.surface();
      this.#found(surface.is === "present" ? DesktopState.PRESENT : DesktopState.ABSENT);
      if (surface.is === "present") this.#seen(`${surface.width}x${surface.height}`);
    } catch {
      this.#found(DesktopState.ABSENT);
    } finally {
      this.#looking = false;
    }
  }

  /** What was said of the machine when it had no surface, or another one, is not so any more. */
  #seen(size: string): void {
    const before = this.#size;
    this.#size = size;
    if (before !== size) this.#reshaped();
  }

  #found(state: DesktopState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed(state);
  }
}
