// The desktop of this machine, as its platform has it.

import type { Desktop } from "./desktop/desktop.ts";
import { placeScreenCapture } from "./executable/screen-capture.ts";

export const REAL_PLATFORM = process.platform === "win32" ? "windows" : "x11";

/** What this process starts, screenshot-desktop's programs included, is to see the same display. */
export function useDisplay(display: string | undefined): void {
  if (display !== undefined) process.env["DISPLAY"] = display;
}

export async function openRealDesktop(): Promise<Desktop> {
  if (REAL_PLATFORM === "windows") {
    placeScreenCapture();
    const { openWindowsDesktop } = await import("./desktop/windows.ts");
    return openWindowsDesktop();
  }
  const { openX11Desktop } = await import("./desktop/x11.ts");
  return openX11Desktop();
}
