import assert from "node:assert/strict";
import { test } from "node:test";
import { globFits } from "../../agent/steps/glob.ts";

const fits: readonly [string, string][] = [
  ["", ""],
  ["*", ""],
  ["*", "anything"],
  ["Save As", "Save As"],
  ["*Mousepad", "note.txt - Mousepad"],
  ["*note*", "a note b"],
  ["a*b*c", "aXbYbZc"],
  ["????", "a😀éß"],
  ["\\*a\\?", "*a?"],
  ["100%\\\\", "100%\\"],
  ["tail\\", "tail\\"],
];
const misses: readonly [string, string][] = [
  ["", "x"],
  ["save as", "Save As"],
  ["Save", "Save As"],
  ["?", ""],
  ["\\*a", "ba"],
  ["a*b", "ac"],
];

for (const [glob, text] of fits) test(`'${glob}' fits '${text}'`, () => assert.ok(globFits(glob, text)));
for (const [glob, text] of misses) test(`'${glob}' does not fit '${text}'`, () => assert.ok(!globFits(glob, text)));

test("a hostile pattern on a long title is answered at once", () => {
  const began = performance.now();
  assert.equal(globFits(`${"*a".repeat(500)}b`, "a".repeat(2000)), false);
  assert.ok(performance.now() - began < 500);
});
