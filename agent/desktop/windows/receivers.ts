// Who would receive input now: asked of Windows for every call, remembered never.
//
// Keyboard: the foreground window, which is what Windows gives key presses to; a dialog is told as itself. Pointer: the
// window under the point. An open menu, or the list of a combo box, belongs to the window that opened it, which is the right
// answer; one of another program that nobody owns is told as itself. The bare desktop and its icons are nobody.

import type { DesktopWindow, Point } from "../desktop.ts";
import { virtualScreen } from "./virtual-screen.ts";
import type { Handle, Win32 } from "./win32.ts";
import { ancestorRoot, describe, isBackground, isListed, relation } from "./windows.ts";

const ownersMax = 8;

/** The handle alone, for asking again whether it is still the same. */
export function foreground(win32: Win32): Handle {
  return win32.GetForegroundWindow();
}

export function keyboardReceiver(win32: Win32): DesktopWindow | undefined {
  return told(win32, foreground(win32));
}

export function pointerReceiver(win32: Win32, at: Point): DesktopWindow | undefined {
  const window = win32.GetAncestor(windowAt(win32, at), ancestorRoot);
  return told(win32, window === 0 ? 0 : owningWindow(win32, window));
}

function windowAt(win32: Win32, at: Point): Handle {
  const screen = virtualScreen(win32);
  const [x, y] = [at.x + screen.x, at.y + screen.y].map((part) => BigInt.asUintN(32, BigInt(part)));
  return win32.WindowFromPoint(BigInt.asIntN(64, ((y ?? 0n) << 32n) | (x ?? 0n)));
}

/** The window itself if it is one to a person, else the nearest of its owners that is. */
function owningWindow(win32: Win32, window: Handle): Handle {
  let at = window;
  for (let depth = 0; depth < ownersMax && at !== 0; depth++) {
    if (isListed(win32, at)) return at;
    at = win32.GetWindow(at, relation.owner);
  }
  // A menu need not have an owner; while one is open its program has the foreground.
  const active = foreground(win32);
  return active !== 0 && processOf(win32, active) === processOf(win32, window) ? active : window;
}

function processOf(win32: Win32, window: Handle): number {
  const pid: (number | null)[] = [0];
  win32.GetWindowThreadProcessId(window, pid);
  return pid[0] ?? 0;
}

function told(win32: Win32, window: Handle): DesktopWindow | undefined {
  return window === 0 || isBackground(win32, window) ? undefined : describe(win32, window);
}
