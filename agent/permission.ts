// The one answer to "may an input call be made now?": the lease clock, and an assignment of this stream that still names the
// attempt (G1), and nobody at the mouse (G14). Everything that injects asks here, and everything that must stop with the lease
// is told here. A person takes no lease away: what `exec` started goes on, and the agent does when the person is gone.

import type { Desktop } from "./desktop/desktop.ts";
import type { AgentClock } from "./host/host.ts";
import { LeaseClock } from "./lease.ts";

/** Why permission went: the lease clock ran out or was voided under an attempt, or no attempt is named any more. */
export type HoldCause = "LEASE_CLOCK" | "NO_ATTEMPT";

/** What tells of a person at the mouse. */
export type Presence = Pick<Desktop, "foreignInputMsAgo" | "foreignPresses">;

/** A person who did nothing for so long has let go. */
export const PERSON_QUIET_MS = 5_000;

export class Permission {
  readonly #clock: AgentClock;
  readonly #lease = new LeaseClock();
  readonly #holdListeners = new Set<(cause: HoldCause) => void>();
  #changed = Promise.withResolvers<void>();
  #named = false;
  #wasLive = false;
  #tickMs = 250;
  #ticking: NodeJS.Timeout | undefined;
  readonly #voided: () => void;
  readonly #presence: Presence;
  readonly #personQuietMs: number;

  /**
   * `voided` is called when the machine was found to have stood still; the next beat is wanted at once. With a
   * `personQuietMs` of 0 nobody is waited for.
   */
  constructor(clock: AgentClock, voided: () => void, presence: Presence, personQuietMs = PERSON_QUIET_MS) {
    this.#clock = clock;
    this.#voided = voided;
    this.#presence = presence;
    this.#personQuietMs = personQuietMs;
    this.#startTicking();
  }

  mayInject(): boolean {
    return this.#leased() && !this.personPresent();
  }

  personPresent(): boolean {
    const msAgo = this.#presence.foreignInputMsAgo();
    return msAgo !== undefined && msAgo < this.#personQuietMs;
  }

  /** How often a person who is waited for has pressed a key or a button. */
  personPresses(): number {
    return this.#personQuietMs === 0 ? 0 : this.#presence.foreignPresses();
  }

  /** Resolves at the next event that may have given permission back. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Calls `listener` when permission goes, for whatever cause; returns how to stop that. */
  onHold(listener: (cause: HoldCause) => void): () => void {
    this.#holdListeners.add(listener);
    return () => void this.#holdListeners.delete(listener);
  }

  streamBegan(stopAfterMs: number): void {
    this.#named = false;
    this.#tickMs = Math.max(5, Math.min(250, stopAfterMs / 8));
    this.#lease.streamBegan(stopAfterMs, this.#tickMs);
    this.#startTicking();
  }

  /** An assignment of this stream was taken up: does it name an attempt? */
  assigned(named: boolean): void {
    this.#named = named;
    this.#notice();
  }

  beatSending(number: bigint): void {
    this.#lease.beatSent(number, this.#clock.read());
  }

  beatAcked(number: bigint): void {
    if (this.#lease.beatAcked(number)) this.#notice();
  }

  stop(): void {
    clearInterval(this.#ticking);
    this.#named = false;
    this.#notice();
  }

  #startTicking(): void {
    clearInterval(this.#ticking);
    this.#lease.tick(this.#clock.read());
    this.#ticking = setInterval(() => {
      const stoodStill = this.#lease.tick(this.#clock.read());
      this.#notice();
      if (stoodStill) this.#voided();
    }, this.#tickMs);
  }

  #leased(): boolean {
    return this.#named && this.#lease.mayInject(this.#clock.read());
  }

  #notice(): void {
    const live = this.#leased();
    if (this.#wasLive && !live) {
      const cause = this.#named ? "LEASE_CLOCK" : "NO_ATTEMPT";
      for (const listener of [...this.#holdListeners]) listener(cause);
    }
    // Asked at every tick, so that a person is seen while the agent sends nothing.
    if (!this.personPresent() && live) {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#wasLive = live;
  }
}
