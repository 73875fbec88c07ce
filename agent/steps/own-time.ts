// A command's own time: the time since it began, without that in which an operator or a person held the agent (G14).

import type { InjectionPermission } from "./gate.ts";

/** How late the end of a hold may be noticed by a time that was nearly over. */
const LOOK_AGAIN_MS = 50;

/** Calls `over` after so much own time; returns how to stop that. */
export function afterOwnTime(permission: Pick<InjectionPermission, "heldMs">, ms: number, over: () => void) {
  const beganAt = performance.now();
  const heldBefore = permission.heldMs();
  const look = () => {
    const leftMs = ms + (permission.heldMs() - heldBefore) - (performance.now() - beganAt);
    // A timer may be early by less than a millisecond.
    if (leftMs < 1) over();
    else timer = setTimeout(look, Math.max(leftMs, LOOK_AGAIN_MS));
  };
  let timer = setTimeout(look, ms);
  return () => clearTimeout(timer);
}
