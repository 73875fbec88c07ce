// Finds where an action acts. Exactly one match is required: none is TARGET_NOT_FOUND, several are TARGET_AMBIGUOUS.

import { Anchor, type Target, type WindowPattern } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { Box, DesktopWindow, Point } from "../desktop/desktop.ts";
import { imageSightings, textSightings } from "./conditions.ts";
import type { Look } from "./look.ts";
import type { Seen, Sighting } from "./sight.ts";
import { StepEnded } from "./step-ended.ts";
import { middleOf } from "./window-pattern.ts";

/** Targets may be relative to each other this deep; the rest is somebody's mistake. */
const DEPTH_MAX = 8;

export interface Found extends Seen {
  readonly point: Point;
  /** The window that must be under the point, if the target names one. */
  readonly receivers: readonly WindowPattern[];
}

export async function resolveTarget(target: Target | undefined, look: Look, depth = 0): Promise<Found> {
  const kind = target?.kind;
  switch (kind?.case) {
    case "image":
      return found("picture", await imageSightings(kind.value, look), kind.value.within);
    case "text":
      return found("text", await textSightings(kind.value, look), kind.value.within);
    case "window": {
      const { box } = await onlyWindow(kind.value, look);
      return { box, score: 1, point: middleOf(box), receivers: [kind.value] };
    }
    case "relative": {
      if (depth === DEPTH_MAX) throw new StepEnded("PROTOCOL", "a target is relative to too many others");
      const base = await resolveTarget(kind.value.base, look, depth + 1);
      const { x, y } = anchorOf(base.box, kind.value.anchor);
      return { ...base, point: { x: x + kind.value.dx, y: y + kind.value.dy } };
    }
    default:
      throw new StepEnded(
        target === undefined ? "PROTOCOL" : "UNSUPPORTED",
        "the action has no target known to this agent",
      );
  }
}

/** The one window of the application that fits. Other applications' windows cannot receive input and do not count. */
export async function onlyWindow(pattern: WindowPattern | undefined, look: Look): Promise<DesktopWindow> {
  if (pattern === undefined) throw new StepEnded("PROTOCOL", "the action names no window");
  const fitting = (await look.fitting(pattern)).filter((window) => look.belongs(window));
  const [window] = fitting;
  if (window === undefined) throw new StepEnded("TARGET_NOT_FOUND", "no window of the application fits");
  if (fitting.length > 1) throw new StepEnded("TARGET_AMBIGUOUS", `${fitting.length} windows of the application fit`);
  return window;
}

function found(what: string, sightings: readonly Sighting[], within: WindowPattern | undefined): Found {
  const present = sightings.filter((sighting) => sighting.is !== "missing");
  const [only] = present;
  if (only === undefined) throw new StepEnded("TARGET_NOT_FOUND", `the ${what} is not on the screen`);
  if (present.length > 1 || only.is === "ambiguous") {
    throw new StepEnded("TARGET_AMBIGUOUS", `the ${what} is on the screen more than once`);
  }
  return { ...only.seen, point: middleOf(only.seen.box), receivers: within === undefined ? [] : [within] };
}

function anchorOf(box: Box, anchor: Anchor): Point {
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  switch (anchor) {
    case Anchor.TOP_LEFT:
      return { x: box.x, y: box.y };
    case Anchor.TOP_RIGHT:
      return { x: right, y: box.y };
    case Anchor.BOTTOM_LEFT:
      return { x: box.x, y: bottom };
    case Anchor.BOTTOM_RIGHT:
      return { x: right, y: bottom };
    default:
      return middleOf(box);
  }
}
