// How far commit steps came (G4). Folded over the commands of an attempt in order; the worst word wins.

import type { Effect, InputAmount } from "./command.ts";

export type CommitLabel = "BEFORE_COMMIT" | "AFTER_COMMIT" | "UNKNOWN";

/** How a sent command of effect `commit` ended; `pending` when no result is known. */
export type CommitResult =
  | { readonly is: "pending" }
  | { readonly is: "ended"; readonly succeeded: boolean; readonly input: InputAmount; readonly checked: boolean };

/**
 * The label after one more command. A commit that reached the desktop without proof that it took hold is UNKNOWN and
 * stays so; only input NONE leaves the label as it was.
 */
export function foldCommit(label: CommitLabel, effect: Effect, result: CommitResult): CommitLabel {
  if (effect !== "commit" || label === "UNKNOWN") return label;
  if (result.is === "pending") return "UNKNOWN";
  if (!result.succeeded) return result.input === "none" ? label : "UNKNOWN";
  return result.checked ? "AFTER_COMMIT" : "UNKNOWN";
}
