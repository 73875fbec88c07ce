// How the demo ends what it began: everything says how it is ended when it begins, and is ended in reverse order, once.

export interface Stops {
  /** Aborted when the demo was asked to end: by Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Registers how to end something that has begun. */
  onStop(stop: () => Promise<void> | void): void;
  /** Work that begins things: it is waited for before anything is ended. Rejects at once when the demo is to end. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Ends everything. What cannot be ended does not keep the rest from it. */
  all(): Promise<void>;
}

/** The demo was asked to end. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(signal);
    this.exitCode = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal as string] ?? 1;
  }
}

/** Beginnings have deadlines of their own; none of them is worth more patience than this. */
const begunWithinMs = 30_000;

export function collectStops(say: (line: string) => void): Stops {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Again and again is the same as once: what is under way is the end already.
    process.on(signal, () => stopping.abort(new Interrupted(signal)));
  }
  const stops: (() => Promise<void> | void)[] = [];
  const beginning: Promise<unknown>[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason as Error), { once: true });
  });
  interrupted.catch(() => undefined);
  return {
    signal: stopping.signal,
    onStop: (stop) => void stops.push(stop),
    during(work) {
      beginning.push(work.catch(() => undefined));
      return Promise.race([work, interrupted]);
    },
    async all() {
      const patience = new Promise((resolve) => setTimeout(resolve, begunWithinMs).unref());
      await Promise.race([Promise.all(beginning), patience]);
      for (const stop of stops.splice(0).reverse()) {
        try {
          await stop();
        } catch (error) {
          say(`Something could not be ended: ${(error as Error).message}`);
        }
      }
    },
  };
}
