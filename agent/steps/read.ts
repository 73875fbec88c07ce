// `read`: text from titles, from the screen by OCR, or from the clipboard. What it finds is sensitive and goes into the
// result only.

import type { Read } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { clip } from "./exec.ts";
import type { Look } from "./look.ts";
import { StepEnded } from "./step-ended.ts";
import { onlyWindow } from "./targets.ts";
import { overlap } from "./window-pattern.ts";

export async function read({ source }: Read, look: Look): Promise<{ text: string }> {
  return { text: clip(await textOf(source, look)) };
}

async function textOf(source: Read["source"], look: Look): Promise<string> {
  switch (source.case) {
    case "windowTitle":
      return (await onlyWindow(source.value, look)).title;
    case "activeTitle": {
      const active = await look.active();
      if (active === undefined) throw new StepEnded("TARGET_NOT_FOUND", "no window is active");
      // The title of somebody else's window may name a person whose run this is not.
      if (!look.belongs(active)) throw new StepEnded("FOCUS_LOST", "the active window is not the application's");
      return active.title;
    }
    case "windowText": {
      const { box } = await onlyWindow(source.value, look);
      return seenIn(box, look);
    }
    case "clipboard":
      return look.desktop.readClipboard();
    case "box": {
      const { window, box } = source.value;
      if (box === undefined) throw new StepEnded("PROTOCOL", "the box to read is missing");
      const origin = window === undefined ? { x: 0, y: 0 } : (await onlyWindow(window, look)).box;
      return seenIn({ x: origin.x + box.x, y: origin.y + box.y, width: box.width, height: box.height }, look);
    }
    default:
      throw new StepEnded("UNSUPPORTED", "this agent cannot read from there");
  }
}

async function seenIn(box: { x: number; y: number; width: number; height: number }, look: Look): Promise<string> {
  const { width, height } = await look.frame();
  const region = overlap(box, { x: 0, y: 0, width, height });
  if (region === undefined) throw new StepEnded("TARGET_NOT_FOUND", "the box to read is not on the screen");
  return (await look.text(region)).text;
}
