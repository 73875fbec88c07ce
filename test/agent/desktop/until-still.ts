// Waiting until a window shows something and goes on showing it.

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Desktop, DesktopWindow, Frame } from "../../../agent/desktop/desktop.ts";
import { until } from "./until.ts";

/**
 * A window is listed before its program has drawn it, and scrolls after it was told to; clicks before that go nowhere,
 * or elsewhere. So: until it shows something, and the same for a while (shorter than a caret blinks).
 */
export async function untilStill(desktop: Desktop, window: DesktopWindow, stillMs = 300): Promise<void> {
  let before = "";
  let since = performance.now();
  await until("the window's picture is still", async () => {
    // A picture keeps a processor busy, which the window may be waiting for.
    await pause(40);
    const rows = windowRows(await desktop.capture(), window);
    const now = new Set(rows).size === 1 ? "" : rows.join("");
    if (now !== before || now === "") since = performance.now();
    before = now;
    return performance.now() - since >= stillMs;
  });
}

function windowRows(frame: Frame, { box }: DesktopWindow): string[] {
  const pixels = Buffer.from(frame.rgba.buffer, frame.rgba.byteOffset, frame.rgba.byteLength);
  return Array.from({ length: box.height }, (_, row) => {
    const start = ((box.y + row) * frame.width + box.x) * 4;
    return createHash("sha1")
      .update(pixels.subarray(start, start + box.width * 4))
      .digest("base64");
  });
}
