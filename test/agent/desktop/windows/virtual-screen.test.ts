// Several monitors as one screen: points, and where SendInput is told that they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { absolutePosition, virtualScreen, wholePixel } from "../../../../agent/desktop/windows/virtual-screen.ts";
import type { Win32 } from "../../../../agent/desktop/windows/win32.ts";

test("each pixel of screens of many sizes is hit exactly, however Windows rounds", () => {
  for (const width of [1024, 1280, 1366, 1920, 3840, 5120, 7681]) {
    const screen = { x: -1920, y: -200, width, height: 800 };
    for (let x = 0; x < width; x++) {
      const { x: share } = absolutePosition({ x, y: 0 }, screen);
      assert.ok(share < 65_536);
      assert.equal(Math.floor((share * width) / 65_536), x);
      assert.equal(Math.floor((share * width) / 65_535), x);
    }
  }
});

test("points are counted from the top left of all monitors, and others are refused", () => {
  const metrics: Record<number, number> = { 76: -1920, 77: -200, 78: 3840, 79: 1280 };
  const win32 = { GetSystemMetrics: (which: number) => metrics[which] } as unknown as Win32;
  const screen = virtualScreen(win32);
  assert.deepEqual(screen, { x: -1920, y: -200, width: 3840, height: 1280 });
  assert.deepEqual(wholePixel({ x: 3839.4, y: 0.4 }, screen), { x: 3839, y: 0 });
  for (const [x, y] of [
    [-1, 5],
    [3840, 5],
    [5, 1280],
    [Number.NaN, 5],
  ] as const) {
    assert.throws(() => wholePixel({ x, y }, screen), RangeError);
  }
});
