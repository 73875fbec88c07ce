// Why a run waits, in one sentence: what weighs most, in words. It says no time and no place that changes by itself, so that it is
// told anew only when the cause is another one.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Explanation, type WaitCause, WaitReason } from "../gen/drover/v1/explanation_pb.ts";
import { nameOf, type WaitReasonName } from "../names.ts";

export function whyText(explanation: Explanation): string {
  const { waiting, unmet, causes } = explanation;
  if (!waiting) return "it does not wait: it runs, or has ended";
  if (unmet !== "") return unmet;
  const own = causes.flatMap((cause) => ownText(cause) ?? []);
  if (own.length > 0) return own.join("; ");
  const counted = causes.reduce((sum, { machines }) => sum + machines, 0);
  // A machine that nothing keeps from it is not among the causes.
  if (counted < explanation.fleet) return "nothing keeps it back: it is placed in a moment";
  const fitting = causes.filter((cause) => !misfits.includes(reasonOf(cause)));
  return machinesText(fitting.toSorted((a, b) => b.machines - a.machines));
}

/** The reason's word; one that only a newer server knows by its number. */
export const reasonOf = ({ reason }: { reason: WaitReason }): WaitReasonName =>
  nameOf(WaitReason, reason) ?? (`REASON_${reason}` as WaitReasonName);

const misfits: readonly WaitReasonName[] = ["OTHER_POOL", "APPLICATION_MISSING", "WRONG_VERSION", "LABEL_MISMATCH"];

/** Of a reason that keeps it back wherever it could go. */
export function ownText(cause: WaitCause): string | undefined {
  const { detail } = cause;
  switch (reasonOf(cause)) {
    case "NOT_BEFORE":
      return `it is not to begin before ${momentText(cause.until)}`;
    case "HALTED":
      return detail === "" ? undefined : `${detail} is halted`;
    case "PAUSED":
      return `${detail} is paused`;
    case "LIMIT_REACHED":
      return `as many runs are under way as may be: ${detail}`;
    case "SETTLING":
      return "a commit step of it may still take hold, and nobody may look before that is over";
    default:
      return undefined;
  }
}

function machinesText(fitting: readonly WaitCause[]): string {
  const all = fitting.reduce((sum, { machines }) => sum + machines, 0);
  const [first, ...others] = fitting;
  if (first === undefined) return "no machine of its pool fits";
  if (others.length === 0) {
    return all === 1
      ? `the one machine that fits is ${stateText(first)}`
      : `all ${all} machines that fit are ${stateText(first)}`;
  }
  const parts = fitting.map((cause, at) => {
    const verb = at > 0 ? "" : cause.machines === 1 ? "is " : "are ";
    return `${cause.machines} ${verb}${stateText(cause)}`;
  });
  return `of ${all} machines that fit, ${parts.join(", ")}`;
}

const states: Partial<Record<WaitReasonName, string>> = {
  HALTED: "halted",
  OTHERS_FIRST: "free, but others go first",
  AVOIDED: "out of the question after its last attempt",
  OFFLINE: "offline",
  REATTACHING: "silent",
  CORDONED: "cordoned",
  DRAINING: "being drained",
  QUARANTINED: "quarantined",
  HUMAN_PRESENT: "in a person's hands",
  NO_DESKTOP: "without a desktop",
  UPDATING: "kept free for a release",
  UNCLEAN: "being cleaned up",
  NOT_READY: "not ready",
  BUSY: "busy",
};

function stateText(cause: WaitCause): string {
  const reason = reasonOf(cause);
  const text = states[reason] ?? reason;
  return reason === "NOT_READY" && cause.detail !== "" ? `${text} (${cause.detail})` : text;
}

const momentText = (at: Timestamp | undefined): string =>
  at === undefined
    ? "its time"
    : timestampDate(at)
        .toISOString()
        .replace(/\.\d+Z$/, "Z");

/** As a sentence of its own. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
