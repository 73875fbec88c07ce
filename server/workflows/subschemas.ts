// Walks a JSON Schema: only where a schema stands, so that `default`, `const` and a property called `$ref` are left alone.

import type { Json } from "../rules/names.ts";
import { limits } from "./limits.ts";

type Schema = { readonly [key: string]: Json };

const one = [
  "additionalItems",
  "additionalProperties",
  "contains",
  "contentSchema",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const list = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const named = ["$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties", "properties"];
/** Definitions cost nothing until something refers to them. */
const idle = new Set(["$defs", "definitions"]);

/**
 * Calls `visit` for each subschema once, and returns how many there are with every reference replaced by what it names;
 * undefined when references leave the schema, go in a circle, lead nowhere, or there are too many.
 */
export function subschemas(
  root: Json,
  visit: (schema: Schema, path: readonly (string | number)[]) => void,
): number | undefined {
  const sizes = new Map<Json, number | "counting">();

  const size = (schema: Json, path: readonly (string | number)[]): number | undefined => {
    if (!isSchema(schema)) return 1;
    const before = sizes.get(schema);
    if (before === "counting") return undefined;
    if (before !== undefined) return before;
    sizes.set(schema, "counting");
    visit(schema, path);
    let sum = 1;
    const add = (inner: Json, innerPath: readonly (string | number)[], counts: boolean): boolean => {
      const part = size(inner, innerPath);
      if (part === undefined) return false;
      if (counts) sum += part;
      return sum <= limits.schemaNodesMax;
    };
    for (const [keyword, inner] of Object.entries(schema)) {
      if (one.includes(keyword) && isSchema(inner) && !add(inner, [...path, keyword], true)) return undefined;
      if (list.includes(keyword) && Array.isArray(inner)) {
        for (const [index, each] of inner.entries()) if (!add(each, [...path, keyword, index], true)) return undefined;
      }
      if (named.includes(keyword) && isSchema(inner)) {
        for (const [name, each] of Object.entries(inner)) {
          if (isSchema(each) && !add(each, [...path, keyword, name], !idle.has(keyword))) return undefined;
        }
      }
      // The values of an `enum` are each compared.
      if (keyword === "enum" && Array.isArray(inner)) sum += inner.length;
    }
    const { $ref } = schema;
    if ($ref !== undefined) {
      const target = typeof $ref === "string" ? follow(root, $ref) : undefined;
      if (target === undefined || !add(target.schema, target.path, true)) return undefined;
    }
    sizes.set(schema, sum);
    return sum;
  };

  return size(root, []);
}

function follow(root: Json, reference: string): { schema: Json; path: string[] } | undefined {
  if (!reference.startsWith("#/")) return undefined;
  const path = reference.slice(2).split("/").map(unescapePart);
  let schema: Json | undefined = root;
  for (const part of path) {
    if (typeof schema !== "object" || schema === null || !Object.hasOwn(schema, part)) return undefined;
    schema = (schema as { readonly [key: string]: Json })[part];
  }
  return schema === undefined ? undefined : { schema, path };
}

function unescapePart(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}

const isSchema = (value: Json): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
