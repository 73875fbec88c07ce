// Whether outputs that a person tells fit a workflow: asked before they are saved.

import type { Json } from "../rules/names.ts";
import { isObject, type Violation, violations } from "./contract.ts";
import { limits } from "./limits.ts";
import type { Program } from "./program.ts";

/** How outputs break the workflow's own schema; empty when they fit. Paths and rules, never values (G11). */
export function checkOutputs(program: Program, outputs: Json): Violation[] {
  if (!isObject(outputs)) return [{ path: "", message: "must be a mapping" }];
  if (Buffer.byteLength(JSON.stringify(outputs)) > limits.keptBytesMax) {
    return [{ path: "", message: `must be at most ${limits.keptBytesMax} bytes of JSON` }];
  }
  return violations(program.outputs, outputs);
}
