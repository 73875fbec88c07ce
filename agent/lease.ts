// The lease clock (G1): until when this agent may inject input. Pure: it is told the time and keeps no timer.
//
// 1. The end is the send time of the newest acknowledged beat + `stopAfterMs`. Nothing else moves it.
// 2. A new stream starts without permission, until one of its own beats is acknowledged.
// 3. A late tick or disagreeing clocks mean that the machine stood still: everything acknowledged so far is void, and
//    only a beat sent after that moment counts again.

import type { ClockReading } from "./host/host.ts";

/** How late a tick may be, and how far the clocks may part between two ticks. */
const LATE_MS = 1000;

export class LeaseClock {
  #stopAfterMs = 0;
  #tickMs = 250;
  #last: ClockReading | undefined;
  #voidedAt = Number.NEGATIVE_INFINITY;
  #newestAckedSentAt = Number.NEGATIVE_INFINITY;
  readonly #sentAt = new Map<bigint, number>();

  /** A stream was welcomed (2). */
  streamBegan(stopAfterMs: number, tickMs: number): void {
    this.#stopAfterMs = stopAfterMs;
    this.#tickMs = tickMs;
    this.#sentAt.clear();
    this.#newestAckedSentAt = Number.NEGATIVE_INFINITY;
  }

  /** A beat is about to be written. `now` is read before the write, so that the clock can only be too short. */
  beatSent(number: bigint, now: ClockReading): void {
    this.#sentAt.set(number, now.bootMs);
  }

  /** The server answered a beat of this stream. False when no such beat is waiting for an answer. */
  beatAcked(number: bigint): boolean {
    const sentAt = this.#sentAt.get(number);
    if (sentAt === undefined) return false;
    for (const earlier of this.#sentAt.keys()) if (earlier <= number) this.#sentAt.delete(earlier);
    this.#newestAckedSentAt = Math.max(this.#newestAckedSentAt, sentAt);
    return true;
  }

  /** To be called every `tickMs`. True when it found that the machine stood still (3). */
  tick(now: ClockReading): boolean {
    const stoodStill = this.#stoodStill(now);
    if (stoodStill) this.#voidedAt = now.bootMs;
    this.#last = now;
    return stoodStill;
  }

  /** May an input call be made at `now`? Checks for a late tick itself: after a pause input may run before the tick. */
  mayInject(now: ClockReading): boolean {
    if (this.#stoodStill(now)) this.tick(now);
    return this.#newestAckedSentAt > this.#voidedAt && now.bootMs < this.#newestAckedSentAt + this.#stopAfterMs;
  }

  #stoodStill(now: ClockReading): boolean {
    if (this.#last === undefined) return false;
    const boot = now.bootMs - this.#last.bootMs;
    const monotonic = now.monotonicMs - this.#last.monotonicMs;
    const wall = now.wallMs - this.#last.wallMs;
    return boot > this.#tickMs + LATE_MS || Math.abs(boot - monotonic) > LATE_MS || Math.abs(boot - wall) > LATE_MS;
  }
}
