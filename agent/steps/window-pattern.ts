// Which windows a `WindowPattern` names.

import type { WindowPattern } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { Box, DesktopWindow } from "../desktop/desktop.ts";
import { globFits } from "./glob.ts";

/** A window fits when every field that is set fits. */
export function windowFits({ title, process, className }: WindowPattern, window: DesktopWindow): boolean {
  return (
    (title === "" || globFits(title, window.title)) &&
    (process === "" || process === window.process) &&
    (className === "" || className === window.className)
  );
}

export const middleOf = ({ x, y, width, height }: Box) => ({
  x: Math.round(x + width / 2),
  y: Math.round(y + height / 2),
});

/** The part of `box` inside `within`; `undefined` when there is none. */
export function overlap(box: Box, within: Box): Box | undefined {
  const x = Math.max(box.x, within.x);
  const y = Math.max(box.y, within.y);
  const width = Math.min(box.x + box.width, within.x + within.width) - x;
  const height = Math.min(box.y + box.height, within.y + within.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}
