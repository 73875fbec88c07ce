// The JSON Schemas of a workflow's inputs and outputs: checked when the workflow is put, then used to check values.
// A schema is written by a tenant and run here, so what can run away is refused when it is put: references that leave the
// schema, come back to themselves or multiply, and comparisons of each item with each. Patterns are RE2's (`pattern.ts`).

import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats, { type FormatName } from "ajv-formats";
import type { Json } from "../rules/names.ts";
import { Kept } from "./kept.ts";
import { limits } from "./limits.ts";
import { linearPattern } from "./pattern.ts";
import { didYouMean, type Path, type Report } from "./problem.ts";
import { subschemas } from "./subschemas.ts";

/** A value that does not fit, without the value. */
export interface Violation {
  /** Such as `patient.id`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

const known: readonly FormatName[] = [
  "date",
  "time",
  "date-time",
  "duration",
  "uri",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid",
];

const regExp = Object.assign(
  (expression: string) => {
    const pattern = linearPattern(expression);
    if (pattern === undefined) throw new Error("not a pattern that RE2 takes");
    return {
      // Too long to be checked is not a match: a text is refused rather than let through.
      test: (text: string) => pattern.test(text) === true,
      // Ajv keeps one pattern for each text that this gives.
      toString: () => expression,
    };
  },
  { code: "linearPattern" },
);

const options = (allErrors: boolean): Options => ({
  strict: false,
  allErrors,
  logger: false,
  validateSchema: false,
  meta: false,
  addUsedSchema: false,
  unicodeRegExp: true,
  code: { regExp },
});

const draft7 = "http://json-schema.org/draft-07/schema";
const draft2020 = "https://json-schema.org/draft/2020-12/schema";
const draftOf = (schema: Json): string => {
  const named = isObject(schema) ? schema["$schema"] : undefined;
  return typeof named === "string" ? named.replace(/#$/, "") : draft2020;
};

let metas: { readonly [draft: string]: Ajv } | undefined;
const metaOf = (draft: string): Ajv | undefined => {
  const quiet: Options = { strict: false, allErrors: true, logger: false };
  metas ??= { [draft2020]: new Ajv2020(quiet), [draft7]: new Ajv(quiet) };
  return metas[draft];
};

/** Reports everything that is wrong with a schema. */
export function checkContract(schema: Json, at: Path, report: Report): void {
  if (!isObject(schema)) {
    report(at, "A schema is a mapping.", "Write `{ type: object, properties: … }`.");
    return;
  }
  if (Buffer.byteLength(JSON.stringify(schema)) > limits.schemaBytesMax) {
    report(at, `The schema is longer than ${limits.schemaBytesMax / 1024} KiB.`, "Say less of it.");
    return;
  }
  const meta = metaOf(draftOf(schema));
  if (meta === undefined) {
    report([...at, "$schema"], "This dialect is not known.", "Use draft 2020-12 (the default) or draft-07.");
    return;
  }
  meta.validateSchema(schema);
  const wrong = (meta.errors ?? []).filter(({ keyword }) => !["anyOf", "allOf", "if", "$ref"].includes(keyword));
  for (const error of wrong.slice(0, 20)) {
    report([...at, ...pointer(error.instancePath)], `Not a JSON Schema: it ${error.message}.`, "See json-schema.org.");
  }
  if (wrong.length > 0 || meta.errors?.length) {
    if (wrong.length === 0) report(at, "This is not a JSON Schema.", "See json-schema.org.");
    return;
  }
  const expanded = subschemas(schema, (inner, path) =>
    checkKeywords(inner, [...at, ...path], path.length === 0, report),
  );
  if (expanded === undefined) {
    report(
      at,
      "The schema's references do not end, or are too many.",
      "Refer only to `#/$defs/…`, and not in a circle.",
    );
    return;
  }
  try {
    compile(schema, true);
  } catch {
    report(at, "The schema cannot be compiled.", "Look for references to nothing and keywords that contradict.");
  }
}

const foreign = ["$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

function checkKeywords(schema: { readonly [key: string]: Json }, at: Path, isRoot: boolean, report: Report): void {
  for (const keyword of isRoot ? foreign : [...foreign, "$id", "$schema"]) {
    if (Object.hasOwn(schema, keyword)) {
      report([...at, keyword], `\`${keyword}\` is not supported.`, "Use `$ref: '#/$defs/…'`.", "key");
    }
  }
  const { pattern, patternProperties, format, uniqueItems, maxItems } = schema;
  const patterns = [
    ...(typeof pattern === "string" ? [["pattern", pattern] as const] : []),
    ...(isObject(patternProperties)
      ? Object.keys(patternProperties).map((p) => ["patternProperties", p] as const)
      : []),
  ];
  for (const [keyword, text] of patterns) {
    if (linearPattern(text) === undefined) {
      const remedy = `Use at most ${limits.patternCharsMax} characters, and no look-around or back-references.`;
      report([...at, keyword], "This is not a pattern that RE2 takes.", remedy);
    }
  }
  if (typeof format === "string" && !(known as readonly string[]).includes(format)) {
    report([...at, "format"], `The format \`${format}\` is not known.`, didYouMean(format, known, ""));
  }
  if (uniqueItems === true && !(typeof maxItems === "number" && maxItems <= limits.uniqueItemsMax)) {
    report(
      [...at, "uniqueItems"],
      "`uniqueItems` needs a bound.",
      `Add \`maxItems\` of at most ${limits.uniqueItemsMax}.`,
    );
  }
}

interface Compiled {
  readonly validate: ValidateFunction;
  /** Subschemas, references expanded. */
  readonly size: number;
}

const compiled = new Kept<Compiled>();

function compile(schema: Json, allErrors: boolean): Compiled {
  const key = `${allErrors}${JSON.stringify(schema)}`;
  const before = compiled.get(key);
  if (before !== undefined) return before;
  const size = subschemas(schema, () => undefined);
  if (size === undefined || !isObject(schema)) throw new Error("a schema that was not checked");
  const { $id: _, $schema: __, ...plain } = schema;
  const ajv = draftOf(schema) === draft7 ? new Ajv(options(allErrors)) : new Ajv2020(options(allErrors));
  // `formats` is the plugin itself or its `default`, depending on how the CommonJS module is loaded.
  const plugin = (formats as unknown as { default?: typeof formats.default }).default ?? (formats as never);
  (plugin as typeof formats.default)(ajv, { formats: [...known], mode: "fast" });
  for (const name of known) {
    const format = ajv.formats[name];
    const test = format instanceof RegExp ? (text: string) => format.test(text) : validatorOf(format);
    ajv.addFormat(name, { type: "string", validate: (text) => text.length <= limits.formatCharsMax && test(text) });
  }
  return compiled.put(key, { validate: ajv.compile(plain), size });
}

function validatorOf(format: unknown): (text: string) => boolean {
  const validate = typeof format === "object" && format !== null && "validate" in format ? format.validate : format;
  if (validate instanceof RegExp) return (text) => validate.test(text);
  if (typeof validate === "function") return (text) => validate(text) === true;
  throw new Error("a format without a validator");
}

/** How a value breaks a schema that was checked; empty when it fits. Says paths and rules, never values (G11). */
export function violations(schema: Json, value: Json): Violation[] {
  const nodes = countNodes(value);
  const tooLarge: Violation[] = [{ path: "", message: "is too large to be checked against its schema" }];
  if (nodes === undefined) return tooLarge;
  try {
    // In a large value the first violation is enough: there could be one for every item.
    const { validate, size } = compile(schema, nodes <= 10_000);
    if (nodes * size > limits.schemaWorkMax) return tooLarge;
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, limits.problemsMax).map(violation);
  } catch {
    return [{ path: "", message: "cannot be checked against its schema" }];
  }
}

function violation(error: ErrorObject): Violation {
  const path = pointer(error.instancePath).join(".");
  return { path, message: error.message ?? `breaks \`${error.keyword}\`` };
}

/** The number of values in a JSON value; undefined when it is nested too deeply to be anybody's. */
function countNodes(value: Json, depth = 0): number | undefined {
  if (depth > limits.sourceDepthMax) return undefined;
  if (typeof value !== "object" || value === null) return 1;
  let sum = 1;
  for (const inner of Object.values(value)) {
    const nodes = countNodes(inner, depth + 1);
    if (nodes === undefined) return undefined;
    sum += nodes;
  }
  return sum;
}

export const pointer = (text: string): string[] =>
  text
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

export const isObject = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
