// Whether inputs fit a workflow: asked before a run is saved.

import type { Json } from "../rules/names.ts";
import { isObject, type Violation, violations } from "./contract.ts";
import type { Program } from "./program.ts";

/** How inputs break the workflow's own schema; empty when they fit. Paths and rules, never values (G11). */
export function checkInputs(program: Program, inputs: Json): Violation[] {
  if (!isObject(inputs)) return [{ path: "", message: "must be a mapping" }];
  return violations(program.inputs, inputs);
}
