// docs/guarantees.md is true about the tests: what it says is proven has a test that cites the number, and a mutation that a
// test notices. Whether it does is tried by `npm run mutations`; that it can be tried, here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gitApply } from "../mutations/copy.ts";
import { readMutations, sayCatcher } from "../mutations/mutation.ts";
import { files, read, root } from "./sources.ts";

const numbers = Array.from({ length: 14 }, (_, index) => `G${index + 1}`);
const testFiles = files.filter((file) => /^test\/.*\.test\.ts$/.test(file) && !file.startsWith("test/house/"));
const cites = (file: string, number: string) => new RegExp(`\\b${number}\\b`).test(read(file));

const rows = new Map(
  read("docs/guarantees.md")
    .split("\n")
    .filter((line) => /^\| G\d+ /.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, number = "", , proof = "", noticed = "", gaps = ""]) => [number, { proof, noticed, gaps }]),
);
const mutations = readMutations(root);
const quotedIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);

test("every guarantee has a row, and there is no other", () => {
  assert.deepEqual([...rows.keys()], numbers);
});

for (const [number, { proof, noticed, gaps }] of rows) {
  test(`${number}: what is said of its tests is so`, () => {
    if (proof === "no test yet") {
      assert.deepEqual(
        testFiles.filter((file) => cites(file, number)),
        [],
        "a test cites it now: name the file in docs/guarantees.md",
      );
      assert.notEqual(gaps, "");
      return;
    }
    const named = quotedIn(proof);
    assert.ok(named.length > 0, "no file is named");
    for (const file of named) {
      assert.ok(files.includes(file), `${file} is not there`);
      assert.ok(cites(file, number), `${file} does not cite ${number}`);
    }
    assert.notEqual(noticed, "", "nothing shows that a test would notice: write a mutation");
  });

  test(`${number}: the mutations that are named are its own`, () => {
    const own = mutations.filter(({ guarantees }) => guarantees.includes(number)).map(({ name }) => name);
    assert.deepEqual(quotedIn(noticed), own);
  });
}

test("every mutation is of a guarantee that there is, and fits the code as it is", () => {
  for (const { name, path, guarantees } of mutations) {
    assert.ok(
      guarantees.every((number) => numbers.includes(number)),
      name,
    );
    const { status, stderr } = gitApply(root, path, "--check");
    assert.equal(status, 0, `${name}: ${stderr}`);
  }
});

test("every test that is said to notice a mutation is there", () => {
  const missing = mutations.flatMap(({ name, catchers }) =>
    catchers
      .filter((catcher) => catcher.is === "test" && !hasTest(catcher.file, catcher.title))
      .map((catcher) => `${name}: ${sayCatcher(catcher)}`),
  );
  assert.deepEqual(missing, []);
});

/** Titles that are put together are patterns; one that comes out of a table can be any. */
function hasTest(file: string, title: string | undefined): boolean {
  if (!testFiles.includes(file)) return false;
  if (title === undefined || /\btest\(\w/.test(read(file))) return true;
  const written = [...read(file).matchAll(/\btest\(\s*(["`])(.*?)\1,/g)].map(([, , text = ""]) => text);
  return written.some((text) => {
    const pattern = text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`).replaceAll(/\\\$\\\{.*?\\\}/g, ".+");
    return new RegExp(`^${pattern}$`).test(title);
  });
}

test("no test cites a guarantee that there is not", () => {
  const known = new Set(numbers);
  const wrong = testFiles.filter((file) => [...read(file).matchAll(/\bG\d+\b/g)].some(([cited]) => !known.has(cited)));
  assert.deepEqual(wrong, []);
});
