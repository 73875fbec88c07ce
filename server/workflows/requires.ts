// What a workflow requires of machines besides its application: a range of versions, and labels.

import type { LabelTest } from "../rules/matching.ts";
import type { Json } from "../rules/names.ts";
import { isVersionRange } from "../rules/version-range.ts";
import { isObject } from "./contract.ts";
import type { Path, Report } from "./problem.ts";

type Written = (path: Path) => string | undefined;

export function versionOf(given: Json | undefined, written: Written, report: Report): { version?: string } {
  if (typeof given !== "string" && typeof given !== "number") return {};
  const at: Path = ["requires", "version"];
  const version = written(at) ?? String(given);
  if (!isVersionRange(version)) {
    report(at, "This is not a range of versions.", "Write for example `>=4.2 <5`, `~4.2` or `4.2.1`.");
  }
  return { version };
}

/**
 * A text or a list: one of them. `exists`: whether there is such a label at all. `not`: none of them. Numbers are taken as they are
 * written: `1.10` is not `1.1`.
 */
export function labelTests(given: Json | undefined, written: Written): LabelTest[] {
  if (!isObject(given)) return [];
  return Object.entries(given).flatMap(([label, test]): LabelTest[] => {
    const at: Path = ["requires", "labels", label];
    const values = (value: Json | undefined, path: Path): string[] =>
      Array.isArray(value)
        ? value.map((each, i) => written([...path, i]) ?? String(each))
        : [written(path) ?? String(value)];
    if (!isObject(test)) return [{ label, is: "in", values: values(test, at) }];
    return [
      ...("in" in test ? [{ label, is: "in" as const, values: values(test["in"], [...at, "in"]) }] : []),
      ...("not" in test ? [{ label, is: "not" as const, values: values(test["not"], [...at, "not"]) }] : []),
      ...("exists" in test
        ? [{ label, is: test["exists"] === true ? ("present" as const) : ("absent" as const) }]
        : []),
    ];
  });
}
