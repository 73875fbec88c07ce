// JSON as CEL sees it, and back. A whole number is an `int`, any other a `double`. Conversion is done once per JSON value:
// CEL would otherwise convert it again at every look.

import {
  type CelList,
  type CelMap,
  type CelUint,
  celList,
  celMap,
  isCelList,
  isCelMap,
  isCelUint,
} from "@bufbuild/cel";
import type { Json } from "../rules/names.ts";

/** What an expression comes to, as far as it can be JSON, and lists and maps on the way there. */
export type CelJson = null | boolean | bigint | number | string | CelList | CelMap;

const converted = new WeakMap<object, CelList | CelMap>();

export function toCel(json: Json): CelJson {
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (typeof json !== "object" || json === null) return json;
  const before = converted.get(json);
  if (before !== undefined) return before;
  const cel = Array.isArray(json)
    ? celList(json.map(toCel))
    : celMap(new Map(Object.entries(json).map(([key, value]) => [key, toCel(value)])));
  converted.set(json, cel);
  return cel;
}

/** The JSON of a CEL value; undefined when it has none (bytes, times, types, numbers past 2^53, NaN). */
export function toJson(value: unknown): Json | undefined {
  if (value === null || typeof value === "boolean") return value;
  // Half a character or a NUL can be neither stored nor sent.
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0") ? value : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
  if (isCelUint(value)) return toJson((value as CelUint).value);
  if (isCelList(value)) {
    const items: Json[] = [];
    for (const item of value) {
      const json = toJson(item);
      if (json === undefined) return undefined;
      items.push(json);
    }
    return items;
  }
  if (isCelMap(value)) {
    const entries: [string, Json][] = [];
    for (const [key, item] of value) {
      const json = toJson(item);
      if (typeof key !== "string" || json === undefined) return undefined;
      entries.push([key, json]);
    }
    return Object.fromEntries(entries);
  }
  return undefined;
}

/** What a value costs to look at, in units of work: texts by length, lists and maps by all that they hold. */
export function weight(value: unknown, stopAt: number): number {
  if (typeof value === "string") return 1 + value.length / 16;
  if (value instanceof Uint8Array) return 1 + value.length / 16;
  let sum = 1;
  if (isCelList(value)) for (const item of value) if (sum <= stopAt) sum += weight(item, stopAt - sum);
  if (isCelMap(value)) for (const [, item] of value) if (sum <= stopAt) sum += weight(item, stopAt - sum);
  return sum;
}
