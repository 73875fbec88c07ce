// All monitors as one screen. Windows counts from the top left of the main monitor, so that a monitor left of it or above
// has negative coordinates; a `Desktop` counts from the top left of all.

import type { Box, Point } from "../desktop.ts";
import type { Win32 } from "./win32.ts";

const metric = { left: 76, top: 77, width: 78, height: 79 };

/** Where the whole screen is in Windows' coordinates. Asked every time: monitors come and go. */
export function virtualScreen(win32: Win32): Box {
  return {
    x: win32.GetSystemMetrics(metric.left),
    y: win32.GetSystemMetrics(metric.top),
    width: win32.GetSystemMetrics(metric.width),
    height: win32.GetSystemMetrics(metric.height),
  };
}

export function wholePixel(at: Point, screen: Box): Point {
  const point = { x: Math.round(at.x), y: Math.round(at.y) };
  if (!(point.x >= 0 && point.y >= 0 && point.x < screen.width && point.y < screen.height)) {
    throw new RangeError("the point lies outside the desktop");
  }
  return point;
}

/** SendInput counts the whole screen as 65536 by 65536; the middle of a pixel is that pixel however it is rounded. */
export function absolutePosition(point: Point, screen: Box): Point {
  const share = (at: number, of: number) => Math.ceil((at * 65_536 + 32_768) / of);
  return { x: share(point.x, screen.width), y: share(point.y, screen.height) };
}
