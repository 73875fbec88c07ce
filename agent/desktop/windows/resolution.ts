// How many pixels Windows lets this process see. A process that says nothing gets coordinates and pictures that are scaled
// down to 96 dots per inch: so it is said before anything else is asked.

import type { Win32 } from "./win32.ts";

const perMonitorV2 = -4;

export function seeRealPixels(win32: Win32): void {
  // Refused when it was said before, for example by the executable's manifest.
  if (win32.SetProcessDpiAwarenessContext(perMonitorV2) === 0) win32.SetProcessDPIAware();
}

/** Dots per inch of the main monitor; 96 is 100 %. */
export const dotsPerInch = (win32: Win32): number => win32.GetDpiForSystem();
