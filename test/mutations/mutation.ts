// A mutation: a patch that breaks a guarantee on purpose, and who is said to notice. A file `<name>.patch` begins with
//
//   Guarantee: G1
//   What it breaks: in one line, what is no longer true
//   Caught by: test/....test.ts: the title of a test        or the whole file, without a title
//   Caught by: npm run simulate -- --seeds 1 --runs 60 ...  or a simulation in which the judge finds something
//
// and goes on with a diff that `git apply` takes. `Guarantee` and `Caught by` may be there more than once; whoever is named
// has to notice, each of them.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Mutation {
  readonly name: string;
  /** Its file. */
  readonly path: string;
  /** The files that the patch changes. */
  readonly touched: readonly string[];
  readonly guarantees: readonly string[];
  readonly breaks: string;
  readonly catchers: readonly Catcher[];
}

export type Catcher =
  | { readonly is: "test"; readonly file: string; readonly title: string | undefined }
  | { readonly is: "simulation"; readonly options: readonly string[] };

export const sayCatcher = (catcher: Catcher): string =>
  catcher.is === "simulation"
    ? `npm run simulate -- ${catcher.options.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(" ")}`
    : [catcher.file, ...(catcher.title === undefined ? [] : [catcher.title])].join(": ");

/** Throws with what is wrong with the head. */
export function parseMutation(path: string, text: string): Mutation {
  const begin = text.search(/^--- a\//m);
  const head = begin < 0 ? text : text.slice(0, begin);
  const said = (label: string) =>
    head
      .split("\n")
      .filter((line) => line.startsWith(`${label}: `))
      .map((line) => line.slice(label.length + 2).trim());
  const [guarantees, breaks, catchers] = [said("Guarantee"), said("What it breaks"), said("Caught by")];
  const touched = [...text.slice(begin).matchAll(/^--- a\/(\S+)/gm)].map(([, file = ""]) => file);
  const lacking = [
    ...(guarantees.length > 0 && guarantees.every((one) => /^G\d+$/.test(one)) ? [] : ["Guarantee: G..."]),
    ...(breaks.length === 1 ? [] : ["What it breaks: one line"]),
    ...(catchers.length > 0 ? [] : ["Caught by: ..."]),
    ...(begin >= 0 ? [] : ["a diff"]),
  ];
  if (lacking.length > 0) throw new Error(`${path} lacks ${lacking.join(", ")}`);
  const name = basename(path, ".patch");
  return { name, path, touched, guarantees, breaks: breaks[0] ?? "", catchers: catchers.map(parseCatcher) };
}

function parseCatcher(text: string): Catcher {
  const options = /^npm run simulate -- (.*)$/.exec(text)?.[1];
  if (options !== undefined) {
    return { is: "simulation", options: (options.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', "")) };
  }
  const [, file, title] = /^(test\/\S+\.test\.ts)(?:: (.+))?$/.exec(text) ?? [];
  if (file === undefined) throw new Error(`neither a test nor a simulation: ${text}`);
  return { is: "test", file, title };
}

/** All mutations of a checkout, by name. */
export function readMutations(root: string): Mutation[] {
  const folder = join(root, "test/mutations");
  const names = readdirSync(folder).filter((name) => name.endsWith(".patch"));
  return names.sort().map((name) => parseMutation(join(folder, name), readFileSync(join(folder, name), "utf8")));
}
