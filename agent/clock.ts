// The agent's clocks. The lease is measured on one that counts suspended time; the other two are there to be compared
// with it, because a machine that was paused shows it in their disagreement. Injected, so that tests can turn them.

import koffi from "koffi";

/** One look at all clocks, in milliseconds. Each counts from a point of its own. */
export interface ClockReading {
  /** Counts suspended time; the only one that decides. */
  readonly bootMs: number;
  /** Stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** The calendar; jumps when a paused guest is told the time again. */
  readonly wallMs: number;
}

export interface AgentClock {
  read(): ClockReading;
}

const CLOCK_BOOTTIME = 7;

/** The clocks of this machine. Linux only: elsewhere there is no CLOCK_BOOTTIME, and a wrong clock is worse than none. */
export function systemClock(): AgentClock {
  if (process.platform !== "linux") throw new Error(`no suspend-counting clock is known on ${process.platform}`);
  const clockGettime = koffi.load("libc.so.6").func("clock_gettime", "int", ["int", "void *"]);
  const timespec = new BigInt64Array(2);
  return {
    read() {
      if (clockGettime(CLOCK_BOOTTIME, timespec) !== 0) throw new Error("clock_gettime(CLOCK_BOOTTIME) failed");
      const [seconds = 0n, nanoseconds = 0n] = timespec;
      return {
        bootMs: Number(seconds) * 1000 + Number(nanoseconds) / 1e6,
        monotonicMs: performance.now(),
        wallMs: Date.now(),
      };
    },
  };
}
