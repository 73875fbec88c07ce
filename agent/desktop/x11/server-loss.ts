// What happens when an X server complains or goes away. Xlib's own handlers end the process for both.
//
// Xlib has one pair of error handlers per process and one exit handler per display; all of them are ours, and all
// return: a complaint (a window that vanished between two questions) is dropped, a loss is told to the connection.

import koffi from "koffi";
import type { Pointer, Xlib } from "./xlib.ts";

/** The X server went away, or was never there. */
export class DesktopLost extends Error {
  override readonly name = "DesktopLost";
}

const watchers = new Map<Pointer, () => void>();
let exitHandler: Pointer | undefined;

function tellLoss(display: Pointer): number {
  watchers.get(display)?.();
  return 0;
}

/** Registered once, for the life of the process: C keeps the addresses. */
function installHandlers(x: Xlib): Pointer {
  if (exitHandler !== undefined) return exitHandler;
  const handler = koffi.pointer(koffi.proto("int DroverXErrorHandler(void *, void *)"));
  const exit = koffi.pointer(koffi.proto("void DroverXExitHandler(void *, void *)"));
  x.XSetErrorHandler(koffi.register(() => 0, handler));
  x.XSetIOErrorHandler(koffi.register(tellLoss, handler));
  // The one that runs last, and would end the process if it did not return.
  exitHandler = koffi.register((display: Pointer) => void tellLoss(display), exit);
  return exitHandler;
}

/** Calls `lost` when the server of this display goes away; the answer ends that. */
export function watchForLoss(x: Xlib, display: Pointer, lost: () => void): () => void {
  x.XSetIOErrorExitHandler(display, installHandlers(x), null);
  watchers.set(display, lost);
  return () => watchers.delete(display);
}
