// Whether there is a screen that a person would see, in the order of the causes below.
//
// UNREACHABLE: no X server answers. NO_SESSION: the server runs, but no window manager does.
// LOCKED: a window that no window manager manages covers the whole screen, and is a known locker or holds the keyboard.
// BLANK: every pixel is black. A screen of any other single colour is an empty desktop, which is a fine place to start
// an application on. DPMS is not asked: a monitor that sleeps changes neither the picture nor the input of a machine.

import type { Frame, Surface } from "../desktop.ts";
import { captureScreen } from "./capture.ts";
import type { Connection } from "./connection.ts";
import { unmanagedOnTop } from "./receivers.ts";
import { DesktopLost } from "./server-loss.ts";
import { hasWindowManager } from "./windows.ts";

const knownLockers = /xscreensaver|i3lock|light-?locker|slock|xsecurelock|gnome-screensaver|xtrlock|kscreenlocker/i;
const alreadyGrabbed = 1;
const grabModeAsync = 1;

export function readSurface(connection: Connection): Surface {
  try {
    connection.alive();
    if (!hasWindowManager(connection)) return { is: "absent", cause: "NO_SESSION" };
    if (isLocked(connection)) return { is: "absent", cause: "LOCKED" };
    const frame = captureScreen(connection);
    if (isBlack(frame)) return { is: "absent", cause: "BLANK" };
    return { is: "present", width: frame.width, height: frame.height };
  } catch (error) {
    if (error instanceof DesktopLost) return { is: "absent", cause: "UNREACHABLE" };
    throw error;
  }
}

function isLocked(connection: Connection): boolean {
  const screen = connection.attributes(connection.root);
  for (const window of unmanagedOnTop(connection)) {
    const size = connection.attributes(window);
    if (!screen || !size || size.width < screen.width || size.height < screen.height) continue;
    const names = `${connection.text(window, "WM_CLASS")} ${connection.text(window, "WM_NAME")}`;
    if (knownLockers.test(names) || keyboardIsHeld(connection)) return true;
  }
  return false;
}

/** X does not tell who grabs the keyboard, only that one may not; asked only while something covers the screen. */
function keyboardIsHeld(connection: Connection): boolean {
  const { x, display, root } = connection;
  const answer = x.XGrabKeyboard(display, root, 0, grabModeAsync, grabModeAsync, 0);
  if (answer === 0) x.XUngrabKeyboard(display, 0);
  x.XSync(display, 0);
  return answer === alreadyGrabbed;
}

function isBlack(frame: Frame): boolean {
  const words = new Uint32Array(frame.rgba.buffer, frame.rgba.byteOffset, frame.rgba.byteLength / 4);
  return words.every((word) => (word & 0xffffff) === 0);
}
