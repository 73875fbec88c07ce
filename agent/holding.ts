// Who holds the agent besides its lease clock (G14): an operator, who has halted it, or a person at its mouse or keyboard. Keeps
// no timer: it is told the time, on a clock that only goes forward.
//
// 1. It holds from the moment that the assignment which says so is received.
// 2. A person holds it until nobody has touched anything for a while; or an operator says that it shall go on, whatever a
//    person did before that.
// 3. Time in which somebody held it is no command's time.

import { HoldReason } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop } from "./desktop/desktop.ts";

/** What tells of a person at the mouse. */
export type Presence = Pick<Desktop, "foreignInputMsAgo" | "foreignPresses">;

/** A person who did nothing for so long has let go. */
export const PERSON_QUIET_MS = 5_000;

export type HeldBy = typeof HoldReason.HUMAN_PRESENT | typeof HoldReason.HALTED;

/** What each assignment says of it. */
export interface Instruction {
  readonly halted: boolean;
  readonly resumeNumber: number;
}

export class Holding {
  readonly #presence: Presence;
  readonly #personQuietMs: number;
  #halted = false;
  /** The highest so far; of the first one it is not known when it was said. */
  #resumeNumber: number | undefined;
  #resumedAt = Number.NEGATIVE_INFINITY;
  #heldSince: number | undefined;
  #heldMs = 0;

  /** With a `personQuietMs` of 0 nobody is waited for. */
  constructor(presence: Presence, personQuietMs: number) {
    this.#presence = presence;
    this.#personQuietMs = personQuietMs;
  }

  instructed({ halted, resumeNumber }: Instruction, now: number): void {
    this.#halted = halted;
    const before = this.#resumeNumber ?? resumeNumber;
    if (resumeNumber > before) this.#resumedAt = now;
    this.#resumeNumber = Math.max(before, resumeNumber);
    this.look(now);
  }

  /** Who holds it; to be asked now and then, because a person comes and goes without a word. */
  look(now: number): HeldBy | undefined {
    const reason = this.#reason(now);
    if (reason !== undefined) this.#heldSince ??= now;
    else if (this.#heldSince !== undefined) {
      this.#heldMs += now - this.#heldSince;
      this.#heldSince = undefined;
    }
    return reason;
  }

  /** For how long somebody has held it so far, all in all. */
  heldMs(now: number): number {
    this.look(now);
    return this.#heldMs + (this.#heldSince === undefined ? 0 : now - this.#heldSince);
  }

  /** How often a person who is waited for has pressed a key or a button. */
  personPresses(): number {
    return this.#personQuietMs === 0 ? 0 : this.#presence.foreignPresses();
  }

  #reason(now: number): HeldBy | undefined {
    const msAgo = this.#presence.foreignInputMsAgo();
    const person = msAgo !== undefined && msAgo < this.#personQuietMs && now - msAgo > this.#resumedAt;
    if (person) return HoldReason.HUMAN_PRESENT;
    return this.#halted ? HoldReason.HALTED : undefined;
  }
}
