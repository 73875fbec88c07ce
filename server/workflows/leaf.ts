// Strings that hold expressions. `${ … }` is CEL; a string that is exactly one of them keeps its type where any JSON may
// stand; `$${` is a literal `${`. Compiled, such a string is a leaf `{ $: … }` in the template; a literal mapping with the
// single key `$` is wrapped, so that nothing an author writes can be taken for a leaf.
//
// In a window's title pattern the pieces that are data are escaped: data is never a wildcard, and never nothing, as an
// empty pattern would fit every window (G3).

import type { Failure } from "../rules/failure.ts";
import type { Json } from "../rules/names.ts";
import { isObject } from "./contract.ts";
import { type Evaluated, evaluate, type Variables } from "./evaluation.ts";
import { limits } from "./limits.ts";
import type { Work } from "./meter.ts";
import type { Template } from "./program.ts";

/** Where a text goes decides what may be in it. */
export interface TextRules {
  readonly bytesMax: number;
  /** Data in it is escaped for a glob. */
  readonly glob?: boolean;
  /** It may come to nothing. */
  readonly empty?: boolean;
}

type Piece = string | { readonly cel: string };

interface Leaf {
  /** Where it is written. */
  readonly at: string;
  /** One expression that keeps its type. */
  readonly cel?: string;
  /** A text. */
  readonly text?: readonly Piece[];
  readonly rules?: TextRules;
}

/** Splits a string into literal pieces and expressions; undefined when an expression does not end. */
export function split(text: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("$${", at)) {
      literal += "${";
      at += 3;
    } else if (text.startsWith("${", at)) {
      const end = endOfExpression(text, at + 2);
      if (end === undefined) return undefined;
      if (literal !== "") pieces.push(literal);
      literal = "";
      pieces.push({ cel: text.slice(at + 2, end).trim() });
      at = end + 1;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  if (literal !== "") pieces.push(literal);
  return pieces;
}

/** The place of the `}` that ends an expression: braces of maps and of quoted strings in it do not count. */
function endOfExpression(text: string, from: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (quote !== undefined) {
      if (character === "\\") at += 1;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return undefined;
}

export const expressionsOf = (pieces: readonly Piece[]): string[] =>
  pieces.flatMap((piece) => (typeof piece === "string" ? [] : [piece.cel]));

/** A text that may hold expressions. */
export function textLeaf(pieces: readonly Piece[], at: string, rules: TextRules): Template {
  if (expressionsOf(pieces).length === 0) return pieces.join("");
  return wrap({ at, text: pieces, rules });
}

/** Any JSON value that an expression may give. */
export function valueLeaf(pieces: readonly Piece[], at: string): Template {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined && typeof only !== "string") return wrap({ at, cel: only.cel });
  return textLeaf(pieces, at, { bytesMax: limits.keptBytesMax, empty: true });
}

export const literalLeaf = (value: Json): Template => ({ $: { literal: value } });

const wrap = (leaf: Leaf): Template => ({ $: leaf as unknown as Json });

/** Fills a template in. */
export function fill(template: Template, variables: Variables, work: Work): Evaluated {
  if (Array.isArray(template)) {
    const items: Json[] = [];
    for (const item of template) {
      const filled = fill(item, variables, work);
      if (!filled.ok) return filled;
      items.push(filled.value);
    }
    return { ok: true, value: items };
  }
  if (!isObject(template)) return { ok: true, value: template };
  if (Object.hasOwn(template, "$")) return fillLeaf(template["$"] as unknown as Leaf, variables, work);
  const entries: [string, Json][] = [];
  for (const [key, inner] of Object.entries(template)) {
    const filled = fill(inner, variables, work);
    if (!filled.ok) return filled;
    entries.push([key, filled.value]);
  }
  return { ok: true, value: Object.fromEntries(entries) };
}

function fillLeaf(leaf: Leaf | { readonly literal: Json }, variables: Variables, work: Work): Evaluated {
  if ("literal" in leaf) return { ok: true, value: leaf.literal };
  if (leaf.cel !== undefined) return evaluate(leaf.cel, leaf.at, variables, work);
  const rules = leaf.rules ?? { bytesMax: limits.keptBytesMax };
  const refuse = (why: string): Evaluated => {
    const failure: Failure = { category: "EXPRESSION_ERROR", message: `The text at ${leaf.at} ${why}.` };
    return { ok: false, failure };
  };
  let text = "";
  for (const piece of leaf.text ?? []) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    const filled = evaluate(piece.cel, leaf.at, variables, work);
    if (!filled.ok) return filled;
    const { value } = filled;
    if (value === null || typeof value === "object") return refuse("needs a text, a number or true or false");
    const data = String(value);
    if (data.trim() === "" && !rules.empty) return refuse("comes to nothing, where an empty text would fit anything");
    text += rules.glob ? escapeGlob(data) : data;
    if (text.length > rules.bytesMax) return refuse("is too long");
  }
  text = text.toWellFormed();
  if (text.includes("\0")) return refuse("holds a NUL");
  return Buffer.byteLength(text) > rules.bytesMax ? refuse("is too long") : { ok: true, value: text };
}

/** A text as a glob that fits only itself. */
export const escapeGlob = (text: string): string => text.replace(/[*?\\]/g, "\\$&");
