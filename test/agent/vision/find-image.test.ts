// Finding pictures on frames.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findImage, UnusableTemplate } from "../../../agent/vision/find-image.ts";
import { changed, cut, flat, noise, paste } from "./pictures.ts";

/** Noise in blocks: like a screen, it survives being halved. */
function blocks(width: number, height: number, seed: number) {
  const small = noise(width / 4, height / 4, seed);
  const frame = flat(width, height, 255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((y >> 2) * small.width + (x >> 2)) * 4;
      frame.rgba.set(small.rgba.subarray(from, from + 4), (y * width + x) * 4);
    }
  }
  return frame;
}

const screen = blocks(640, 400, 7);

test("a picture is found to the pixel where it was cut out", () => {
  for (const [x, y] of [
    [0, 0],
    [123, 77],
    [540, 359],
  ] as const) {
    const { best, matches, ambiguous } = findImage(screen, cut(screen, x, y, 100, 41));
    assert.deepEqual(best?.box, { x, y, width: 100, height: 41 });
    assert.ok((best?.score ?? 0) > 0.999);
    assert.equal(matches.length, 1);
    assert.equal(ambiguous, false);
  }
});

test("a picture is found in another brightness and contrast", () => {
  const dim = changed(cut(screen, 200, 120, 80, 40), (value) => 20 + value * 0.6);
  const { best } = findImage(screen, dim);
  assert.deepEqual(best?.box, { x: 200, y: 120, width: 80, height: 40 });
  assert.ok((best?.score ?? 0) > 0.99);
});

test("a picture that is not there is not found, and the nearest miss is told", () => {
  const { matches, best } = findImage(screen, blocks(80, 40, 99));
  assert.deepEqual(matches, []);
  assert.ok(best !== undefined && best.score < 0.6);
});

test("a picture that is there twice is ambiguous, unless a region leaves one of them", () => {
  const twice = { ...screen, rgba: screen.rgba.slice() };
  const part = cut(screen, 40, 40, 60, 32);
  paste(twice, part, 400, 300);
  const both = findImage(twice, part);
  assert.equal(both.ambiguous, true);
  assert.deepEqual(both.matches.map(({ box }) => box.x).sort(), [40, 400]);
  const one = findImage(twice, part, { region: { x: 320, y: 200, width: 320, height: 200 } });
  assert.equal(one.ambiguous, false);
  assert.deepEqual(one.best?.box, { x: 400, y: 300, width: 60, height: 32 });
});

test("a second place that is clearly worse makes no ambiguity", () => {
  const twice = { ...screen, rgba: screen.rgba.slice() };
  const part = cut(screen, 40, 40, 60, 32);
  const worse = { ...part, rgba: part.rgba.slice() };
  paste(worse, flat(16, 16, 128), 4, 4);
  paste(twice, worse, 400, 300);
  const { matches, ambiguous } = findImage(twice, part, { threshold: 0.8 });
  assert.equal(matches.length, 2);
  assert.equal(ambiguous, false);
  assert.equal(matches[0]?.box.x, 40);
});

test("a template without contrast, or of almost no pixels, is refused", () => {
  assert.throws(() => findImage(screen, flat(40, 40, 200)), UnusableTemplate);
  assert.throws(() => findImage(screen, cut(screen, 0, 0, 3, 20)), UnusableTemplate);
});

test("a template that is larger than where it is looked for is not found", () => {
  const search = { region: { x: 0, y: 0, width: 50, height: 50 } };
  assert.deepEqual(findImage(screen, cut(screen, 0, 0, 60, 20), search), {
    matches: [],
    best: undefined,
    ambiguous: false,
  });
});
