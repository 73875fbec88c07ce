// Whether a window's program still takes its messages: an empty one is sent, and waited for on another thread.

import type { Handle, Win32 } from "./win32.ts";

const emptyMessage = 0;
/** Windows knows after five seconds that a program hangs; then there is no need to wait. */
const unlessHung = 2;

export function answers(win32: Win32, window: Handle, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    win32.SendMessageTimeoutW.async(window, emptyMessage, 0, 0, unlessHung, timeoutMs, [0], (error, answered) =>
      error ? reject(error) : resolve(answered !== 0),
    );
  });
}
