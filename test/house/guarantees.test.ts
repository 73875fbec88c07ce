// docs/guarantees.md is true about the tests: what it says is proven has a test that cites the number.

import assert from "node:assert/strict";
import { test } from "node:test";
import { files, read } from "./sources.ts";

const numbers = Array.from({ length: 14 }, (_, index) => `G${index + 1}`);
const testFiles = files.filter((file) => /^test\/.*\.test\.ts$/.test(file) && !file.startsWith("test/house/"));
const cites = (file: string, number: string) => new RegExp(`\\b${number}\\b`).test(read(file));

const rows = new Map(
  read("docs/guarantees.md")
    .split("\n")
    .filter((line) => /^\| G\d+ /.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, number = "", , proof = "", gaps = ""]) => [number, { proof, gaps }]),
);

test("every guarantee has a row, and there is no other", () => {
  assert.deepEqual([...rows.keys()], numbers);
});

for (const [number, { proof, gaps }] of rows) {
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
    const named = [...proof.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
    assert.ok(named.length > 0, "no file is named");
    for (const file of named) {
      assert.ok(files.includes(file), `${file} is not there`);
      assert.ok(cites(file, number), `${file} does not cite ${number}`);
    }
  });
}

test("no test cites a guarantee that there is not", () => {
  const known = new Set(numbers);
  const wrong = testFiles.filter((file) => [...read(file).matchAll(/\bG\d+\b/g)].some(([cited]) => !known.has(cited)));
  assert.deepEqual(wrong, []);
});
