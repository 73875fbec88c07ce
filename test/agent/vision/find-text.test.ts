// Finding a wanted text among words that were read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { distance, findText, fold } from "../../../agent/vision/find-text.ts";
import type { TextLine } from "../../../agent/vision/text-reader.ts";

/** Words ten pixels a letter, lines twenty apart. */
function lines(...texts: string[]): TextLine[] {
  return texts.map((text, row) => {
    let x = 0;
    const words = text.split(" ").map((word) => {
      const box = { x, y: row * 20, width: word.length * 10, height: 12 };
      x += box.width + 10;
      return { text: word, box, confidence: 90 };
    });
    return { text, box: { x: 0, y: row * 20, width: x, height: 12 }, confidence: 90, words };
  });
}

test("a text is found with the box of its own words, not of its line", () => {
  const { best, ambiguous } = findText(lines("File Edit View", "Save changes to note?"), "changes to");
  assert.deepEqual(best, { text: "changes to", box: { x: 50, y: 20, width: 100, height: 12 }, errors: 0 });
  assert.equal(ambiguous, false);
});

test("case, accents and letters that look alike do not matter", () => {
  assert.equal(findText(lines("NUNEZ, J0hn | l2l"), "Núñez, John I 121").best?.errors, 0);
  assert.equal(fold("Ctri+0"), fold("ctrl+O"));
});

test("one wrong letter in ten is forgiven, in a short text none", () => {
  assert.equal(findText(lines("Discard chamges"), "Discard changes").best?.errors, 1);
  assert.equal(findText(lines("Dizcard chamgez"), "Discard changes").best, undefined);
  assert.equal(findText(lines("Sawe"), "Save").best, undefined);
});

test("a text that reads the same at two places is ambiguous; a better one is not", () => {
  assert.equal(findText(lines("Save", "Save As..."), "Save").ambiguous, true);
  const near = findText(lines("Discard chamges", "Discard changes"), "discard changes");
  assert.equal(near.ambiguous, false);
  assert.equal(near.best?.box.y, 20);
});

test("a part of a word is not the word", () => {
  assert.equal(findText(lines("Unsaved work"), "save").best, undefined);
});

test("punctuation and borders around a word do not hide it", () => {
  assert.equal(findText(lines("|OK,"), "OK").best?.errors, 0);
});

test("nothing cannot be looked for", () => {
  assert.throws(() => findText(lines("a"), "  "), RangeError);
});

test("the distance of two texts counts insertions, removals and replacements", () => {
  assert.deepEqual([distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")], [3, 0, 3]);
});
