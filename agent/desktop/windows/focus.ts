// Giving the foreground to a window.
//
// Windows lets a program do so only if that program got the last input, or the foreground is its own. The agent is mostly
// neither: a person's tool would be, as the person has just used it. So what is refused is asked for again after an empty
// mouse event: it moves and presses nothing, and makes the agent the one that got the last input. (The other known way, to
// join the input of the thread that has the foreground, would hang with it.)

import { setTimeout as pause } from "node:timers/promises";
import type { GuardedInput } from "./guarded-input.ts";
import { mouseInput } from "./pointer.ts";
import type { Handle, Win32 } from "./win32.ts";
import { hasExtent, isListed, relation, staysOnTop, topLevelWindows } from "./windows.ts";

const pollMs = 10;
const askAgainMs = 150;
const restore = 9;
const top = 0;
/** Changes neither size nor place nor the foreground, and waits for nobody. */
const orderAlone = 0x4013;
const ownersMax = 8;

/** False if the window did not get the foreground in `timeoutMs`, or did not come up to the top, or went away. */
export async function giveForeground(
  win32: Win32,
  input: GuardedInput,
  window: Handle,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  let askAt = performance.now();
  let asked = 0;
  let waiting = false;
  while (!isInFront(win32, window)) {
    if (performance.now() >= deadline || win32.IsWindow(window) === 0) return false;
    if (performance.now() >= askAt && !waiting) {
      if (win32.IsIconic(window) !== 0) win32.ShowWindowAsync(window, restore);
      if (asked++ > 0) input.send([mouseInput(0)]);
      win32.SetWindowPos(window, top, 0, 0, 0, 0, orderAlone);
      // On another thread: it may have to wait for the window's program. Whether it helped is seen at the foreground.
      waiting = true;
      win32.SetForegroundWindow.async(window, () => {
        waiting = false;
      });
      askAt = performance.now() + askAgainMs;
    }
    await pause(pollMs);
  }
  return true;
}

/** A window that is being closed is hidden first, and keeps the foreground a moment longer. */
function isInFront(win32: Win32, window: Handle): boolean {
  if (win32.GetForegroundWindow() !== window || win32.IsWindowVisible(window) === 0) return false;
  return hasExtent(win32, window) && isOnTop(win32, window);
}

/** Windows raises what got the foreground a moment later. A window may stay below its own dialogs, and below always-on-top. */
function isOnTop(win32: Win32, window: Handle): boolean {
  for (const above of topLevelWindows(win32)) {
    if (above === window) return true;
    if (isListed(win32, above) && !staysOnTop(win32, above) && !belongsTo(win32, above, window)) return false;
  }
  return false;
}

function belongsTo(win32: Win32, window: Handle, owner: Handle): boolean {
  for (let at = window, depth = 0; at !== 0 && depth < ownersMax; depth++) {
    if (at === owner) return true;
    at = win32.GetWindow(at, relation.owner);
  }
  return false;
}
