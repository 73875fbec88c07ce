// The desktop of this machine, as its platform has it.

import type { Desktop } from "./desktop/desktop.ts";
import type { Pulse } from "./desktop/reopening.ts";
import { placeScreenCapture } from "./executable/screen-capture.ts";

export const REAL_PLATFORM = process.platform === "win32" ? "windows" : "x11";

/** What this process starts, screenshot-desktop's programs included, is to see the same display. */
export function useDisplay(display: string | undefined): void {
  if (display !== undefined) process.env["DISPLAY"] = display;
}

export async function realDesktopPulse(): Promise<Pulse> {
  if (REAL_PLATFORM === "windows") {
    const [{ SystemPulse }, { loadWin32 }] = await Promise.all([
      import("./desktop/windows/system-pulse.ts"),
      import("./desktop/windows/win32.ts"),
    ]);
    return new SystemPulse(loadWin32());
  }
  const { ServerPulse } = await import("./desktop/x11/server-pulse.ts");
  return new ServerPulse(process.env["DISPLAY"] ?? "");
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
