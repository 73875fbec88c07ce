// What a step may change, and where it may stand (G3, G4): a commit has a guard, and stands only in `steps`.

import type { Effect } from "../rules/command.ts";
import type { Json } from "../rules/names.ts";
import type { Kind } from "./actions.ts";
import type { Path, Report } from "./problem.ts";

type Mapping = { readonly [key: string]: Json };
export type Section = "steps" | "verify" | "cleanup" | "application";

/** G4: `exec` is a commit unless marked; in `verify` it only looks. */
export const defaultEffect = (kind: Kind, section: Section): Effect =>
  kind === "exec" && section !== "verify" ? "commit" : "none";

export function checkEffect(
  report: Report,
  step: Mapping,
  path: Path,
  section: Section,
  effect: Effect,
  kind: Kind,
): void {
  const { guard } = step;
  if (typeof guard === "string" && guard !== "none") {
    report([...path, "guard"], "A guard is a condition or `none`.", "Write `guard: { window: … }` or `guard: none`.");
  }
  if (effect !== "commit") return;
  const marked = step["effect"] === "commit";
  const what = marked ? "A commit step" : `\`${kind}\` is a commit unless marked, and a commit step`;
  if (section !== "steps") {
    const remedy = marked
      ? "Move it to `steps`."
      : "Mark it: `effect: idempotent`, or `effect: none` if it only looks.";
    report(path, `${what} cannot stand in ${section === "application" ? "an application" : `\`${section}\``}.`, remedy);
  } else if (guard === undefined) {
    const remedy = `Say what must be on the screen: \`guard: { text: … }\`, or \`guard: none\`${marked ? "" : "; or mark the effect"}.`;
    report(path, `${what} needs a guard.`, remedy);
  }
}
