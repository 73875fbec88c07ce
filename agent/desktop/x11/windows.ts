// The top-level windows of an X11 desktop, as the window manager lists them (EWMH).
// An override-redirect window (a menu, a tooltip, a locker) is in no list; `describe` knows those too.

import type { DesktopWindow } from "../desktop.ts";
import type { Connection } from "./connection.ts";
import { executableName } from "./processes.ts";
import type { XId } from "./xlib.ts";

/** Nothing manages windows on this display: there is no list, no focus and no way to close one. */
export class NoWindowManager extends Error {
  override readonly name = "NoWindowManager";
}

/** True if a window manager that speaks EWMH runs (and is not merely remembered by a stale property). */
export function hasWindowManager(connection: Connection): boolean {
  const check = connection.numbers(connection.root, "_NET_SUPPORTING_WM_CHECK")[0];
  connection.alive();
  return check !== undefined && connection.numbers(check, "_NET_SUPPORTING_WM_CHECK")[0] === check;
}

export function requireWindowManager(connection: Connection): void {
  if (!hasWindowManager(connection)) {
    throw new NoWindowManager(`no window manager that speaks EWMH runs on display "${connection.name}"`);
  }
}

/** Managed windows, the topmost last. */
export function managedWindows(connection: Connection): XId[] {
  return connection.numbers(connection.root, "_NET_CLIENT_LIST_STACKING");
}

/** Everything a caller may know of a window; undefined if it is gone. */
export function describe(connection: Connection, window: XId): DesktopWindow | undefined {
  const { x, display, root } = connection;
  const attributes = connection.attributes(window);
  if (!attributes) return undefined;
  const left = [0];
  const top = [0];
  if (x.XTranslateCoordinates(display, window, root, 0, 0, left, top, [0]) === 0) return undefined;
  const pid = owningProcess(connection, window);
  const states = connection.numbers(window, "_NET_WM_STATE");
  return {
    id: `0x${window.toString(16)}`,
    title: connection.text(window, "_NET_WM_NAME") || connection.text(window, "WM_NAME"),
    className: connection.text(window, "WM_CLASS").split("\0")[1] ?? "",
    pid,
    process: executableName(pid),
    box: { x: left[0] ?? 0, y: top[0] ?? 0, width: attributes.width, height: attributes.height },
    modal:
      states.includes(connection.atom("_NET_WM_STATE_MODAL")) &&
      (connection.numbers(window, "WM_TRANSIENT_FOR")[0] ?? 0) !== 0,
    dialog: connection.numbers(window, "_NET_WM_WINDOW_TYPE").includes(connection.atom("_NET_WM_WINDOW_TYPE_DIALOG")),
  };
}

/** The window says its process itself, or the window that it belongs to does: its leader, or the one it floats over. */
function owningProcess(connection: Connection, window: XId, depth = 0): number {
  const own = connection.numbers(window, "_NET_WM_PID")[0];
  if (own !== undefined && own > 0) return own;
  if (depth === 3) return 0;
  for (const link of ["WM_CLIENT_LEADER", "WM_TRANSIENT_FOR"]) {
    const other = connection.numbers(window, link)[0];
    if (other === undefined || other === 0 || other === window || other === connection.root) continue;
    const pid = owningProcess(connection, other, depth + 1);
    if (pid > 0) return pid;
  }
  return 0;
}

export function listWindows(connection: Connection): DesktopWindow[] {
  requireWindowManager(connection);
  const windows = managedWindows(connection).flatMap((window) => describe(connection, window) ?? []);
  connection.alive();
  return windows;
}

/** The number behind a `DesktopWindow`'s id; throws if this desktop never gave it out. */
export function windowNumber(window: DesktopWindow): XId {
  const number = /^0x[0-9a-f]{1,8}$/.test(window.id) ? Number(window.id) : 0;
  if (number === 0) throw new Error("the id of the window is not one of an X11 desktop");
  return number;
}
