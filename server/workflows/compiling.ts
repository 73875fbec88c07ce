// What every part of a compilation shares: where problems go, which pictures there are, what expressions can see.

import type { Json } from "../rules/names.ts";
import { checkExpression, type Names } from "./expression.ts";
import { expressionsOf, literalLeaf, split, type TextRules, textLeaf, valueLeaf } from "./leaf.ts";
import { limits } from "./limits.ts";
import { didYouMean, type Path, type Report, showPath } from "./problem.ts";
import type { FileRef, Template } from "./program.ts";

export interface Compiling {
  readonly report: Report;
  /** A number as it was written. */
  readonly written: (path: Path) => string | undefined;
  readonly files: ReadonlyMap<string, FileRef>;
  /** What expressions can see here; undefined where there are none. */
  readonly names: Names | undefined;
  /** Collected on the way. */
  readonly used: { readonly files: Set<string>; readonly capabilities: Set<string> };
}

/** A text in which expressions may stand. */
export function text(c: Compiling, value: Json | undefined, path: Path, rules: TextRules): Template {
  const source = typeof value === "number" ? (c.written(path) ?? String(value)) : value;
  if (typeof source !== "string") return "";
  const pieces = checkedPieces(c, source, path);
  if (pieces === undefined) return "";
  const literal = pieces.map((piece) => (typeof piece === "string" ? piece : "")).join("");
  if (pieces.length === 0 && !rules.empty) c.report(path, "This is empty.", "Write something, or leave the key out.");
  if (Buffer.byteLength(literal) > rules.bytesMax) {
    c.report(path, `This is longer than ${rules.bytesMax} bytes.`, "Shorten it.");
  }
  return textLeaf(pieces, showPath(path), rules);
}

/** Any JSON in which expressions may stand, keeping their types. */
export function value(c: Compiling, json: Json, path: Path): Template {
  if (typeof json === "string") {
    const pieces = checkedPieces(c, json, path);
    return pieces === undefined ? "" : valueLeaf(pieces, showPath(path));
  }
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map((item, index) => value(c, item, [...path, index]));
  const entries = Object.entries(json).map(([key, inner]) => [key, value(c, inner, [...path, key])] as const);
  if (!Object.hasOwn(json, "$")) return Object.fromEntries(entries);
  c.report([...path, "$"], "The key `$` is kept for Drover.", "Use another.", "key");
  return literalLeaf(null);
}

/** A string that must be exactly one expression. */
export function expression(c: Compiling, source: string, path: Path): Template {
  const pieces = checkedPieces(c, source, path);
  if (pieces === undefined) return null;
  if (pieces.length !== 1 || expressionsOf(pieces).length !== 1) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the notation of workflows
    c.report(path, "This must be one expression.", "Write it as `${ … }`.");
    return null;
  }
  return valueLeaf(pieces, showPath(path));
}

function checkedPieces(c: Compiling, source: string, path: Path): ReturnType<typeof split> {
  const pieces = split(source);
  if (pieces === undefined) {
    c.report(path, "An expression does not end.", "Close it with `}`, or write `$${` for the characters `${`.");
    return undefined;
  }
  const expressions = expressionsOf(pieces);
  if (expressions.length > 0 && c.names === undefined) {
    c.report(path, "Expressions are not known here.", "An application has no inputs: write the text itself.");
    return undefined;
  }
  for (const each of expressions) {
    if (c.names === undefined) break;
    for (const { message, remedy } of checkExpression(each, c.names)) c.report(path, message, remedy);
  }
  return pieces;
}

/** The digest of a picture that belongs to the version. */
export function picture(c: Compiling, file: string, path: Path): string {
  const found = c.files.get(file);
  if (found === undefined) {
    const none = "Put the PNG beside the workflow and send it along.";
    c.report(path, `There is no file \`${file.slice(0, 128)}\`.`, didYouMean(file, [...c.files.keys()], none));
    return "";
  }
  c.used.files.add(found.digest);
  return found.digest;
}

export const title: TextRules = { bytesMax: limits.titleBytesMax, glob: true };
export const words: TextRules = { bytesMax: limits.titleBytesMax };
export const processName: TextRules = { bytesMax: limits.nameBytesMax };
export const typed: TextRules = { bytesMax: limits.typedBytesMax, empty: true };
export const chord: TextRules = { bytesMax: limits.chordCharsMax };
