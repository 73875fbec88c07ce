// Wake-ups between simulated replicas: at once within one, late to others, out of order, and sometimes not at all. They are
// hints, and the product has to live with that.

import type { Wakeup } from "../../server/store/wakeup.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

interface Subscription {
  readonly process: SimulatedProcess;
  readonly topic: string;
  readonly wake: () => void;
}

export class Wakeups {
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #lossRate: number;
  readonly #isAway: () => boolean;
  readonly #subscriptions = new Set<Subscription>();

  constructor(schedule: Schedule, chance: Chance, lossRate: number, isAway: () => boolean) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#lossRate = lossRate;
    this.#isAway = isAway;
  }

  for(process: SimulatedProcess): Wakeup {
    return {
      publish: (published) => {
        const woken = new Set(published);
        if (woken.size > 0) this.#publish(process, woken);
      },
      subscribe: (topic, wake) => {
        const subscription = { process, topic, wake };
        this.#subscriptions.add(subscription);
        return () => void this.#subscriptions.delete(subscription);
      },
      stop: () => Promise.resolve(),
    };
  }

  get areLost(): boolean {
    return this.#lossRate > 0;
  }

  /** Every replica looks again, as after each reconnection. */
  wakeAll(): void {
    for (const subscription of this.#subscriptions) this.#wake(subscription, this.#chance.mostlyShort(1, 200));
  }

  died(process: SimulatedProcess): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.process === process) this.#subscriptions.delete(subscription);
    }
  }

  #publish(from: SimulatedProcess, woken: ReadonlySet<string>): void {
    const delays = new Map<SimulatedProcess, number>();
    for (const subscription of this.#subscriptions) {
      const { process, topic } = subscription;
      if (!woken.has(topic)) continue;
      if (process === from) {
        this.#wake(subscription, 0);
        continue;
      }
      // One notification to each replica carries all topics.
      const delayMs = delays.get(process) ?? (this.#isLost() ? Number.NaN : this.#chance.mostlyShort(5, 100));
      delays.set(process, delayMs);
      if (!Number.isNaN(delayMs)) this.#wake(subscription, delayMs);
    }
  }

  #isLost(): boolean {
    return this.#isAway() || this.#chance.happens(this.#lossRate);
  }

  #wake(subscription: Subscription, delayMs: number): void {
    this.#schedule.in({ process: subscription.process }, delayMs, () => {
      if (this.#subscriptions.has(subscription)) subscription.wake();
    });
  }
}
