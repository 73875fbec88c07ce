import assert from "node:assert/strict";
import { test } from "node:test";
import { textSighting } from "../../agent/steps/screen-sight.ts";

const box = { x: 0, y: 0, width: 10, height: 10 };
const lines = (...texts: string[]) =>
  texts.map((text) => {
    const words = text.split(" ").map((word) => ({ text: word, box, confidence: 90 }));
    return { text, box, confidence: 90, words };
  });

test("a text is found although letters were misread", () => {
  assert.equal(textSighting(lines("Patlent reccrd opened"), "Patient record opened").is, "found");
});

test("a number with one other digit is another number, however long the text around it", () => {
  const wanted = "Patient number 47110815";
  assert.equal(textSighting(lines("Patient number 47110815."), wanted).is, "found");
  assert.equal(textSighting(lines("Patlent number 471lO815"), wanted).is, "found", "look-alikes are no other digits");
  assert.equal(textSighting(lines("Patient number 47110816"), wanted).is, "missing");
});

test("two places that read alike are ambiguous", () => {
  assert.equal(textSighting(lines("Save", "Save"), "Save").is, "ambiguous");
});
