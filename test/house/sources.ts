// The project's own files as text, for the house rules: what is written by hand, tracked or about to be.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");

/** Folders that hold what programs made or fetched. */
const notOurs = new Set([".git", "node_modules", "dist", ".drover", "gen", "migrations"]);

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : walk(path);
    return entry.isFile() && !entry.name.endsWith(".log") ? [path] : [];
  });
}

/** Paths from the root, with `/`. */
export const files: readonly string[] = walk("").sort();

export const sources: readonly string[] = files.filter((file) => file.endsWith(".ts"));

const texts = new Map<string, string>();

export function read(file: string): string {
  const before = texts.get(file);
  if (before !== undefined) return before;
  const text = readFileSync(join(root, file), "utf8");
  texts.set(file, text);
  return text;
}
