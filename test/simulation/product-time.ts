// What product code has instead of Node's clocks and timers in a simulation (`loading.ts` puts it there). The clocks are those
// of the process that asks.

import { here, type Planned, type Schedule } from "./schedule.ts";

function scheduleHere(): Schedule {
  const place = here.getStore();
  if (place === undefined) throw new Error("product code ran outside of all simulated processes");
  return place.process.schedule;
}

class Timer {
  readonly #schedule = scheduleHere();
  readonly #place = here.getStore();
  readonly #everyMs: number | undefined;
  readonly #delayMs: number;
  readonly #work: () => unknown;
  #planned: Planned | undefined;

  constructor(delayMs: number, work: () => unknown, everyMs?: number) {
    this.#delayMs = delayMs;
    this.#work = work;
    this.#everyMs = everyMs;
    this.refresh();
  }

  refresh(): this {
    this.cancel();
    this.#planned = this.#schedule.in(
      this.#place,
      this.#delayMs,
      () => {
        this.#planned = undefined;
        if (this.#everyMs !== undefined) this.refresh();
        return this.#work();
      },
      "timer",
    );
    return this;
  }

  cancel(): void {
    if (this.#planned !== undefined) this.#schedule.cancel(this.#planned);
    this.#planned = undefined;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

/** As Node has it: no timer is shorter than a millisecond. */
const atLeast1 = (ms: number | undefined) => Math.max(1, Number(ms ?? 1) || 1);

const startTimeout = (work: (...args: unknown[]) => unknown, ms?: number, ...args: unknown[]) =>
  new Timer(atLeast1(ms), () => void work(...args));
const startInterval = (work: (...args: unknown[]) => unknown, ms?: number, ...args: unknown[]) =>
  new Timer(atLeast1(ms), () => void work(...args), atLeast1(ms));
const startImmediate = (work: (...args: unknown[]) => unknown, ...args: unknown[]) =>
  new Timer(0, () => void work(...args));
const clear = (timer: Timer | undefined) => timer?.cancel();

class SimulatedDate extends Date {
  // biome-ignore lint/suspicious/noConfusingVoidType: as many arguments as there are, or none
  constructor(...args: [] | [number | string | Date] | [void]) {
    super(args[0] ?? SimulatedDate.now());
  }

  static override now(): number {
    return here.getStore()?.process.read().wallMs ?? 0;
  }
}

const performanceHere = { now: () => here.getStore()?.process.read().monotonicMs ?? 0 };

const abortSignal = {
  any: (signals: AbortSignal[]) => AbortSignal.any(signals),
  abort: (reason?: unknown) => AbortSignal.abort(reason),
  timeout(ms: number): AbortSignal {
    const ending = new AbortController();
    startTimeout(() => ending.abort(new DOMException("timed out", "TimeoutError")), ms);
    return ending.signal;
  },
};

export {
  abortSignal as AbortSignal,
  clear,
  clear as clearImmediate,
  clear as clearInterval,
  clear as clearTimeout,
  performanceHere as performance,
  SimulatedDate as Date,
  startImmediate,
  startImmediate as setImmediate,
  startInterval as setInterval,
  startTimeout,
  startTimeout as setTimeout,
};
