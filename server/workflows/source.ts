// Reads YAML into plain JSON and remembers where everything was written. Anchors, aliases, tags and several documents in
// one source are refused: a workflow is data that is read by people, and a few aliases can stand for gigabytes.

import {
  Alias,
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import type { Json } from "../rules/names.ts";
import { limits } from "./limits.ts";
import { type Path, type Problem, showPath } from "./problem.ts";

export interface Source {
  readonly value: Json;
  /** Where a value, or its key, is written. */
  place(path: Path, on: "value" | "key"): { line: number; column: number };
  /** A number as it was written: `007` stays `007`. */
  written(path: Path): string | undefined;
}

export function readSource(text: string): { source: Source | undefined; problems: Problem[] } {
  const problems: Problem[] = [];
  const report = (line: number, column: number, message: string, remedy: string) => {
    if (problems.length < limits.problemsMax) problems.push({ line, column, path: "", message, remedy });
  };
  const failed = () => ({ source: undefined, problems });

  if (Buffer.byteLength(text) > limits.sourceBytesMax) {
    report(1, 1, `The source is longer than ${limits.sourceBytesMax / 1024} KiB.`, "Split it, and use `call`.");
    return failed();
  }
  const deep = tooDeep(text);
  if (deep !== undefined) {
    report(deep, 1, "The source is nested too deeply.", `Use at most ${limits.sourceDepthMax} levels.`);
    return failed();
  }

  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      // Checked below: the library compares each key with each.
      uniqueKeys: false,
      version: "1.2",
    });
  } catch {
    report(1, 1, "The source cannot be read as YAML.", "Check its indentation and brackets.");
    return failed();
  }
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of [...document.errors, ...document.warnings]) {
    const { line, column } = at(error.pos[0]);
    report(line, column, error.message, remedyFor(error.code, error.message));
  }
  visit(document, {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : "";
        if (seen.has(name) && isScalar(key)) {
          const { line, column } = at(key.range?.[0] ?? 0);
          report(line, column, `The key \`${name.slice(0, 64)}\` is written twice.`, "Keep one of the two.");
        }
        seen.add(name);
      }
    },
    Node(_key, node) {
      const { line, column } = at(node.range?.[0] ?? 0);
      if (node instanceof Alias || node.anchor !== undefined) {
        report(line, column, "Anchors and aliases are not supported.", "Write the value out, or put it in a `call`.");
      } else if (node.tag !== undefined) {
        report(line, column, `The tag ${node.tag} is not supported.`, "Leave it out.");
      } else if (isScalar(node)) {
        if (typeof node.value === "number" && !Number.isFinite(node.value)) {
          report(line, column, "A number must be finite.", "Put it in quotes if it is meant as text.");
        }
        // A NUL or half a surrogate pair cannot be stored as JSON, nor sent.
        if (typeof node.value === "string" && (node.value.includes("\0") || !node.value.isWellFormed())) {
          report(line, column, "A text holds a NUL or half a character.", "Leave it out.");
        }
      }
    },
  });
  if (problems.length > 0) return failed();

  const valuesOf = byKey();
  const found = (path: Path): Node | undefined => {
    let node: unknown = document.contents;
    for (const part of path)
      node = isMap(node) ? valuesOf(node).get(String(part)) : isSeq(node) ? node.items[Number(part)] : undefined;
    return isNode(node) ? node : undefined;
  };
  const place = (path: Path, on: "value" | "key"): { line: number; column: number } => {
    const last = path.at(-1);
    if (on === "key" && last !== undefined) {
      const parent = path.length === 1 ? document.contents : found(path.slice(0, -1));
      if (isMap(parent)) {
        for (const { key } of parent.items)
          if (isScalar(key) && String(key.value) === last) return at(key.range?.[0] ?? 0);
      }
    }
    const node = path.length === 0 ? document.contents : found(path);
    if (node?.range) return at(node.range[0]);
    return path.length === 0 ? { line: 1, column: 1 } : place(path.slice(0, -1), "key");
  };
  const written = (path: Path): string | undefined => {
    const node = found(path);
    return isScalar(node) && typeof node.value === "number" ? node.source : undefined;
  };
  return { source: { value: document.toJS() as Json, place, written }, problems };
}

/** The values of a map by their keys. Once for each map: the library looks at one key after the other each time. */
function byKey(): (map: YAMLMap) => ReadonlyMap<string, unknown> {
  const known = new WeakMap<YAMLMap, ReadonlyMap<string, unknown>>();
  return (map) => {
    const before = known.get(map);
    if (before !== undefined) return before;
    const values = new Map(map.items.map(({ key, value }) => [isScalar(key) ? String(key.value) : "", value]));
    known.set(map, values);
    return values;
  };
}

/** Joins a problem to its place. */
export function placed(source: Source, path: Path, message: string, remedy: string, on: "value" | "key"): Problem {
  return { ...source.place(path, on), path: showPath(path), message, remedy };
}

/** The line where brackets or indentation get deeper than any workflow's, found without recursion. */
function tooDeep(text: string): number | undefined {
  let brackets = 0;
  let line = 0;
  for (const row of text.split("\n")) {
    line += 1;
    const dashes = /^(?: *[-?:] )+/.exec(row)?.[0].match(/[-?:] /g)?.length ?? 0;
    if (dashes > limits.sourceDepthMax || row.search(/[^ ]/) > limits.sourceDepthMax * 16) return line;
    for (const character of row) {
      if (character === "[" || character === "{") brackets += 1;
      else if (character === "]" || character === "}") brackets = Math.max(0, brackets - 1);
      if (brackets > limits.sourceDepthMax * 4) return line;
    }
  }
  return undefined;
}

function remedyFor(code: string, message: string): string {
  if (code === "TAB_AS_INDENT" || message.includes("tab")) return "Indent with spaces.";
  if (code === "MULTIPLE_DOCS") return "Put each workflow in a file of its own.";
  if (message.startsWith("Flow ")) return "Close the bracket, or indent what is in it.";
  if (code === "BAD_INDENT") return "Line it up with its neighbours.";
  return "Check indentation, quotes and brackets here.";
}
