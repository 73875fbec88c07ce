// A simulated operating system process: alive, paused or dead, with the clocks that it sees.
//
// A pause is a SIGSTOP (all clocks go on), a suspension of the machine (the monotonic clock stands still, the one that counts
// suspended time does not) or a stun by a hypervisor (both stand still; the calendar is put right when it ends).

import type { ClockReading } from "../../agent/host/host.ts";
import { here, type Schedule } from "./schedule.ts";

export type Pause = "stopped" | "suspended" | "stunned";

/** The calendar at the beginning of every simulation. */
const calendarMs = Date.UTC(2031, 0, 1);

export class SimulatedProcess {
  readonly name: string;
  readonly schedule: Schedule;
  /** Which boot of its machine it belongs to. */
  readonly boot: string;
  #dead = false;
  #paused: { readonly from: number; readonly to: number; readonly how: Pause } | undefined;
  #monotonicLagMs = 0;
  #bootLagMs = 0;

  constructor(name: string, schedule: Schedule, boot = "") {
    this.name = name;
    this.schedule = schedule;
    this.boot = boot;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** When the pause that is under way ends. */
  get resumesAt(): number | undefined {
    const paused = this.#paused;
    return paused !== undefined && paused.to > this.schedule.now ? paused.to : undefined;
  }

  /** For how long its timers have stood still, all pauses together. */
  get stoodStillMs(): number {
    return this.#monotonicLagMs;
  }

  /** Everything of it ends at once, with no word to anybody. */
  kill(): void {
    this.#dead = true;
  }

  pause(how: Pause, durationMs: number): void {
    if (this.resumesAt !== undefined) return;
    const from = this.schedule.now;
    this.#paused = { from, to: from + durationMs, how };
    if (how !== "stopped") this.#monotonicLagMs += durationMs;
    if (how === "stunned") this.#bootLagMs += durationMs;
  }

  /** Runs `work` in this process, now. */
  run<T>(work: () => T): T {
    return here.run({ process: this }, work);
  }

  read(): ClockReading {
    const { now } = this.schedule;
    return {
      bootMs: now - this.#bootLagMs,
      monotonicMs: now - this.#monotonicLagMs,
      wallMs: Math.floor(calendarMs + now),
    };
  }
}

/** What Postgres's clock, and everybody's calendar, says at a virtual time. */
export const calendarAt = (now: number): number => Math.floor(calendarMs + now);
