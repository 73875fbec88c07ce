// The clocks of Windows. Node's own monotonic clock is none of them: it is the performance counter, which goes on in
// suspension and so could not show that the machine stood still.

import type { AgentClock } from "../host.ts";
import { systemCalls } from "./system-calls.ts";

/**
 * GetTickCount64 counts sleep and hibernation, as the lease wants it. It moves in steps of up to 16 ms: a reading may be
 * that much too early, which is little beside the seconds between an agent's stop and the takeover (G1), and beside the
 * second that the clocks may part. QueryInterruptTimePrecise would be finer, and is not everywhere.
 */
export function systemClock(): AgentClock {
  const { GetTickCount64, QueryUnbiasedInterruptTime } = systemCalls();
  const hundredNs: (number | null)[] = [null];
  return {
    read() {
      if (QueryUnbiasedInterruptTime(hundredNs) === 0) throw new Error("QueryUnbiasedInterruptTime failed");
      return { bootMs: GetTickCount64(), monotonicMs: (hundredNs[0] ?? 0) / 10_000, wallMs: Date.now() };
    },
  };
}
