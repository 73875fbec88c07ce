// Runs a function on a wake-up or a timer, one at a time, until it is stopped. The function takes no argument: what it has
// to do it reads, so that a lost wake-up, a restart and a second replica are one and the same path.

import type { EngineContext } from "./context.ts";

export interface Loop {
  /** Runs it soon; wakes during a pass make one more pass. */
  wake(): void;
  /** Resolves when the pass under way has ended; there is none after it. */
  stop(): Promise<void>;
}

/**
 * `name` is one of a few words that are written in the program: it is told to the log and to the meter. `everyMs` is asked after
 * each pass.
 */
export function startLoop(
  name: string,
  everyMs: number | (() => number),
  { log, meter }: Pick<EngineContext, "log" | "meter">,
  pass: () => Promise<void>,
): Loop {
  let stopped = false;
  let woken = true;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function drain() {
    while (woken && !stopped) {
      woken = false;
      const began = performance.now();
      try {
        await pass();
        meter.passed(name, performance.now() - began, "done");
      } catch (error) {
        meter.passed(name, performance.now() - began, "failed");
        log.warn("a pass failed; it is tried again", { loop: name, error: errorText(error) });
        break;
      }
    }
    running = undefined;
    if (!stopped) timer = setTimeout(wake, typeof everyMs === "number" ? everyMs : everyMs());
  }

  function wake() {
    woken = true;
    if (stopped || running !== undefined) return;
    clearTimeout(timer);
    running = drain();
  }

  wake();
  return {
    wake,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** An error for the log: its kind and code, never its text, which may hold values of a query (G11). */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  const at =
    error.stack
      ?.split("\n")
      .find((line) => line.includes("at "))
      ?.trim() ?? "";
  return `${error.name}${code} ${at}`;
}
