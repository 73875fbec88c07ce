// How long nothing is placed on a machine whose proof was not READY: it is always idle, and would eat the queue.

import { limits } from "./limits.ts";
import type { Instant } from "./names.ts";

/** `count`: how many proofs in a row were not READY, this one included. */
export const unreadyUntil = (count: number, now: Instant): Instant =>
  now + Math.min(limits.unreadyMs * 2 ** Math.min(count - 1, 20), limits.unreadyMaxMs);
