// The clocks of Linux.

import koffi from "koffi";
import type { AgentClock } from "../host.ts";

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
