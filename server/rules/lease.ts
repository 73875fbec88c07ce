// A lease: the right to drive one machine for one purpose (G1). How a lease ends depends on whether its holder can still
// be injecting.

export const leasePurposes = ["attempt", "upkeep", "verify", "session", "service"] as const;
export type LeasePurpose = (typeof leasePurposes)[number];

/**
 * What becomes of the lease after a change:
 * - `keep`: it goes on;
 * - `end`: nothing is outstanding, or the holder is known to have stopped: the machine is free at once;
 * - `fence`: a command is outstanding and its holder may be injecting. The machine's epoch grows, and the lease ends when
 *   the agent acknowledges the higher epoch, or at takeover.
 */
export type LeaseFate = "keep" | "end" | "fence";
