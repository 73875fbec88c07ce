// Why a run waits: the closed list, the same as `WaitReason` of proto/drover/v1/explanation.proto (a test holds them together).

import type { Instant } from "./names.ts";

/** First what is the run's own, then what keeps a machine from it: what lasts longest before what is over soon. */
export const waitReasons = [
  "NOT_BEFORE",
  "HALTED",
  "PAUSED",
  "LIMIT_REACHED",
  "SETTLING",
  "OTHERS_FIRST",
  "OTHER_POOL",
  "APPLICATION_MISSING",
  "WRONG_VERSION",
  "LABEL_MISMATCH",
  "AVOIDED",
  "OFFLINE",
  "REATTACHING",
  "CORDONED",
  "DRAINING",
  "QUARANTINED",
  "HUMAN_PRESENT",
  "NO_DESKTOP",
  "UPDATING",
  "UNCLEAN",
  "NOT_READY",
  "BUSY",
] as const;
export type WaitReason = (typeof waitReasons)[number];

/** One reason. */
export interface Why {
  readonly reason: WaitReason;
  /** Which, in words of operators: `workflow notes.save`, `application ehr: 5 of 5`, a verdict. */
  readonly detail: string;
  /** Until when, where that is known. */
  readonly until?: Instant;
}
