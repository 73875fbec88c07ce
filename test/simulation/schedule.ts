// Virtual time: one queue of what is going to happen, in the order of time and, within the same millisecond, of the seed.
// Nothing happens between two events, and the next one begins when all that the last one led to has come to rest.
//
// Every event belongs to a simulated process, or to none (the world itself). A process that is dead has no events any more;
// one that is paused has them later. Which process a piece of product code runs in is known from `here`, which follows it
// through promises.

import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Chance } from "./chance.ts";
import type { SimulatedProcess } from "./process.ts";

/** Where something happens, and because of what. */
export interface Place {
  readonly process: SimulatedProcess;
  /** The message from the network that it follows from. */
  readonly cause?: unknown;
}

export const here = new AsyncLocalStorage<Place | undefined>();

/** A timer counts its own machine's time, which may stand still; what arrives from outside does not. */
export type Kind = "timer" | "arrival";

export interface Planned {
  at: number;
  tie: number;
  readonly order: number;
  readonly kind: Kind;
  readonly place: Place | undefined;
  /** For how long the process's time had stood still when this was planned. */
  stoodStillMs: number;
  work: (() => unknown) | undefined;
}

const before = (one: Planned, other: Planned): boolean =>
  one.at !== other.at ? one.at < other.at : one.tie !== other.tie ? one.tie < other.tie : one.order < other.order;

export class Schedule {
  readonly #chance: Chance;
  readonly #heap: Planned[] = [];
  #order = 0;
  #now = 0;
  /** Thrown by product code outside of any promise: a bug, and the end of the simulation. */
  failure: unknown;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Virtual milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** Plans `work` in the process of the caller. */
  after(delayMs: number, work: () => unknown, kind: Kind = "timer"): Planned {
    return this.in(here.getStore(), delayMs, work, kind);
  }

  /** Plans `work` in a place; `undefined` is the world outside of all processes. */
  in(place: Place | undefined, delayMs: number, work: () => unknown, kind: Kind = "arrival"): Planned {
    const planned: Planned = {
      at: this.#now + Math.max(0, delayMs),
      tie: this.#chance.next(),
      order: this.#order++,
      kind,
      place,
      stoodStillMs: place?.process.stoodStillMs ?? 0,
      work,
    };
    this.#push(planned);
    return planned;
  }

  cancel(planned: Planned): void {
    planned.work = undefined;
  }

  /** Lets things happen until `done` says so, or until `limitMs`, or until nothing is left to happen. */
  async run(limitMs: number, done: () => boolean): Promise<void> {
    // What was begun just before has planned its first event then.
    await nextTurn();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > limitMs) return;
      this.#pop();
      const { work, place } = next;
      if (work === undefined) continue;
      if (place !== undefined && this.#putOff(next, place.process)) continue;
      this.#now = next.at;
      // A promise is a call of the real Postgres: time stands still until it has answered.
      await here.run(place, work);
      // All promises have been followed, also those that a database's answer led to.
      await nextTurn();
      if (this.failure !== undefined) throw this.failure;
    }
  }

  #putOff(planned: Planned, process: SimulatedProcess): boolean {
    if (process.isDead) return true;
    const stoodStill = process.stoodStillMs - planned.stoodStillMs;
    if (planned.kind === "timer" && stoodStill > 0) planned.at += stoodStill;
    planned.stoodStillMs = process.stoodStillMs;
    const { resumesAt } = process;
    if (resumesAt !== undefined && resumesAt > planned.at) {
      // What waited is taken in the order in which it was sent.
      planned.at = resumesAt;
      planned.tie = -1;
    } else if (planned.kind === "arrival" || stoodStill <= 0) return false;
    this.#push(planned);
    return true;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let index = heap.push(planned) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(planned, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const below = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (below === undefined || !before(below, last)) break;
      heap[index] = below;
      index = below === right ? 2 * index + 2 : 2 * index + 1;
    }
    heap[index] = last;
  }
}
