// Whether a source has the shape that the published JSON Schemas say: the same files that editors use. The schemas are
// written without alternatives, so that each error is about the key that is wrong. What a schema cannot say is checked
// where a part is compiled.

import type { ErrorObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Json } from "../rules/names.ts";
import { isObject, pointer } from "./contract.ts";
import { limits } from "./limits.ts";
import { didYouMean, type Path, type Report } from "./problem.ts";
import applicationSchema from "./schema/application.schema.json" with { type: "json" };
import workflowSchema from "./schema/workflow.schema.json" with { type: "json" };

const validators = new Map<string, ValidateFunction>();

function validator(kind: "workflow" | "application"): ValidateFunction {
  const before = validators.get(kind);
  if (before !== undefined) return before;
  const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: false, validateSchema: false, logger: false });
  const made = ajv.compile(kind === "workflow" ? workflowSchema : applicationSchema);
  validators.set(kind, made);
  return made;
}

/** Reports what is wrong, and returns the places that are broken; undefined when there are too many to go on. */
export function checkShape(kind: "workflow" | "application", value: Json, report: Report): Path[] | undefined {
  const validate = validator(kind);
  if (validate(value)) return [];
  const broken: Path[] = [];
  const errors = validate.errors ?? [];
  for (const error of errors.slice(0, limits.problemsMax)) {
    const path = resolvePath(value, error.instancePath);
    const { at, message, remedy, on } = explain(error, path);
    broken.push(at);
    report(at, message, remedy, on);
  }
  return errors.length > limits.problemsMax ? undefined : broken;
}

interface Explained {
  readonly at: Path;
  readonly message: string;
  readonly remedy: string;
  readonly on: "value" | "key";
}

function explain(error: ErrorObject, path: Path): Explained {
  const parent = isObject(error.parentSchema) ? error.parentSchema : {};
  const said = typeof parent["description"] === "string" ? parent["description"] : "";
  const value = (message: string, remedy: string): Explained => ({
    at: path,
    message,
    remedy: remedy || said || "The published JSON Schema says what may stand here.",
    on: "value",
  });
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(error.params["additionalProperty"]);
      const known = isObject(parent["properties"]) ? Object.keys(parent["properties"]) : [];
      const message = `The key \`${key.slice(0, 64)}\` is not known here.`;
      return { at: [...path, key], message, remedy: didYouMean(key, known, "Leave it out."), on: "key" };
    }
    case "required":
      return value(`The key \`${error.params["missingProperty"]}\` is missing.`, "Add it.");
    case "type":
      return value(`This must be ${listed(error.params["type"])}.`, said);
    case "enum":
      return value("This is none of the words that are known here.", wordRemedy(error));
    case "pattern":
      return value("This is not written as it must be.", patternRemedy(String(error.params["pattern"]), said));
    default:
      return value(`This ${error.message ?? "is wrong"}.`, said);
  }
}

const typeWords: Record<string, string> = {
  array: "a list",
  boolean: "true or false",
  integer: "a whole number",
  null: "nothing",
  number: "a number",
  object: "a mapping",
  string: "a text",
};

const listed = (types: unknown): string =>
  (Array.isArray(types) ? types : String(types).split(",")).map((type) => typeWords[String(type)] ?? type).join(" or ");

function wordRemedy(error: ErrorObject): string {
  const allowed: unknown[] = Array.isArray(error.params["allowedValues"]) ? error.params["allowedValues"] : [];
  return didYouMean(typeof error.data === "string" ? error.data : "", allowed.map(String), "");
}

function patternRemedy(pattern: string, said: string): string {
  if (pattern.includes("ms|s|m|h")) return "Write a duration such as 250ms, 10s, 2m or 8h.";
  if (pattern.includes("GiB")) return "Write a size such as 512MiB or 1GiB.";
  if (pattern.startsWith("^[A-Za-z_]")) return "Use letters, digits and `_`, beginning with a letter.";
  if (pattern.startsWith("^[a-z]")) return "Use small letters, digits, `-` and `.`, such as `notes.save`.";
  return said;
}

/** A JSON pointer as a path: numbers where the value is a list. */
function resolvePath(value: Json, text: string): Path {
  let inner: unknown = value;
  return pointer(text).map((part) => {
    const key = Array.isArray(inner) ? Number(part) : part;
    inner = typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[part] : undefined;
    return key;
  });
}
