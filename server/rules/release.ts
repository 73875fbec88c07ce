// A release of the agent program on one machine: what an agent says of it, and what went wrong.

/** What can be replaced: the agent's executable for a platform. */
export const executables = ["win32-x64", "linux-x64"] as const;
export type Executable = (typeof executables)[number];

/** Why a release failed, in the agent's own words. */
export const agentFaults = ["DOWNLOAD", "DIGEST", "SIGNATURE", "UNFIT", "DISK", "NOT_ATTACHED"] as const;
export type AgentFault = (typeof agentFaults)[number];

/** How far an agent is with a release: it lies on the machine's disk and was found good, or it will not be tried. */
export type ReleaseReport =
  | { readonly version: string; readonly is: "prepared" }
  | { readonly version: string; readonly is: "failed"; readonly fault: AgentFault };

/**
 * What counts as a machine's failure. A download that did not come through does not: it is tried again. Four that no agent
 * tells: nobody came back in time, it came back as what it was each time, or a canary was lost while it was watched, or its
 * agent died again and again.
 */
export const rolloutFaults = [
  "DIGEST",
  "SIGNATURE",
  "UNFIT",
  "DISK",
  "NOT_ATTACHED",
  "NOT_BACK",
  "NOT_TAKEN",
  "VANISHED",
  "CRASHING",
] as const;
export type RolloutFault = (typeof rolloutFaults)[number];
