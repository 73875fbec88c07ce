// How long what runs leave behind is kept, and which of it may be deleted. Pure.
//
// 1. A run is not deleted before it has ended, nor while a machine is to be cleaned up after it, or one of its leases has not
//    ended: whoever ends those reads it.
// 2. A run that ended UNKNOWN is the only sign that somebody has to look. However old it is, only a person deletes it.

import { limits } from "./limits.ts";
import type { Instant } from "./names.ts";
import type { Reason } from "./refusal.ts";
import type { Outcome } from "./run.ts";

export interface Retention {
  /** How long runs are kept after they ended, in milliseconds. */
  readonly runsMs: number;
  /** How long artifacts are kept after they were made, in milliseconds; never longer than their run. */
  readonly artifactsMs: number;
}

/** What a tenant has set; null where it has not. */
export type RetentionSet = { readonly [name in keyof Retention]: Retention[name] | null };

export const retentionOf = ({ runsMs, artifactsMs }: RetentionSet): Retention => ({
  runsMs: runsMs ?? limits.keepRunsMs,
  artifactsMs: artifactsMs ?? limits.keepArtifactsMs,
});

/** Runs that ended by then, and artifacts that were made by then, are kept no longer. */
export interface CutOffs {
  readonly runsEndedBy: Instant;
  readonly artifactsMadeBy: Instant;
}

export const cutOffs = ({ runsMs, artifactsMs }: Retention, now: Instant): CutOffs => ({
  runsEndedBy: now - runsMs,
  artifactsMadeBy: now - artifactsMs,
});

/** What has to be known of a run to delete it. */
export interface KeptRun {
  /** Absent while it has not ended. */
  readonly end?: { readonly outcome: Outcome; readonly at: Instant };
  /** A machine is to be cleaned up after one of its attempts, or one of its attempts or leases has not ended. */
  readonly inUse: boolean;
}

/** Why the run is kept; undefined when its time is over and it is to be deleted. */
export function whyKept(
  { end, inUse }: KeptRun,
  { runsEndedBy }: Pick<CutOffs, "runsEndedBy">,
): "not ended" | "in use" | "nobody knows" | "young" | undefined {
  if (end === undefined) return "not ended";
  if (inUse) return "in use";
  // Whoever settles it gives it another outcome.
  if (end.outcome === "UNKNOWN") return "nobody knows";
  return end.at > runsEndedBy ? "young" : undefined;
}

/** Why a person cannot have the run deleted now; undefined when they can. */
export function whyNotPurged({ end, inUse }: KeptRun): Extract<Reason, "RUN_NOT_ENDED" | "RUN_IN_USE"> | undefined {
  if (end === undefined) return "RUN_NOT_ENDED";
  return inUse ? "RUN_IN_USE" : undefined;
}
