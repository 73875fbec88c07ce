// The ids of a source's steps: unique over all its sections, so that events and results name one step each.

import type { Json } from "../rules/names.ts";
import { isObject } from "./contract.ts";
import type { Path, Report } from "./problem.ts";

/** Every id of the source; the second use of one is reported. */
export function collectIds(root: { readonly [key: string]: Json }, report: Report): Set<string> {
  const ids = new Set<string>();
  const walk = (list: Json | undefined, path: Path) => {
    if (!Array.isArray(list)) return;
    for (const [index, step] of (list as readonly Json[]).entries()) {
      if (!isObject(step)) continue;
      const { id } = step;
      if (typeof id === "string") {
        if (ids.has(id)) report([...path, index, "id"], `The id \`${id}\` is used twice.`, "Choose another.");
        ids.add(id);
      }
      walk(step["steps"], [...path, index, "steps"]);
    }
  };
  walk(root["steps"], ["steps"]);
  for (const section of ["verify", "cleanup"]) {
    const inner = root[section];
    if (isObject(inner)) walk(inner["steps"], [section, "steps"]);
    else walk(inner, [section]);
  }
  return ids;
}
