// PNG to and from frames.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePng, encodePng } from "../../../agent/vision/png.ts";
import { flat, noise } from "./pictures.ts";

test("a frame comes back from its PNG pixel by pixel", () => {
  const frame = noise(33, 21, 5);
  assert.deepEqual(decodePng(encodePng(frame)), frame);
});

test("a PNG that says it is huge is refused before it is unpacked", () => {
  const bytes = Buffer.from(encodePng(flat(8, 8, 9)));
  bytes.writeUInt32BE(60_000, 16);
  bytes.writeUInt32BE(60_000, 20);
  assert.throws(() => decodePng(bytes), RangeError);
});

test("what is no PNG, or only its beginning, is refused", () => {
  assert.throws(() => decodePng(Buffer.from("GIF89a and so on and so forth")), TypeError);
  assert.throws(() => decodePng(new Uint8Array(0)), TypeError);
  assert.throws(() => decodePng(encodePng(noise(64, 64, 1)).subarray(0, 200)));
});
