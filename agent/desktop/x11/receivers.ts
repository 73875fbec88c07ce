// Who would receive input now: asked of the X server for every call, remembered never.
//
// A menu that is open grabs keyboard and pointer, and X does not tell who holds a grab. A menu of the window that has
// the focus (or lies under the pointer) belongs to the same program, so that window is the right answer; a menu of
// another program would swallow the input, so it is named as the receiver itself.

import type { DesktopWindow, Point } from "../desktop.ts";
import type { Connection } from "./connection.ts";
import { describe, managedWindows } from "./windows.ts";
import type { XId } from "./xlib.ts";

const menuTypes = ["POPUP_MENU", "DROPDOWN_MENU", "MENU", "COMBO"].map((kind) => `_NET_WM_WINDOW_TYPE_${kind}`);
const frameDepthMax = 4;

export function keyboardReceiver(connection: Connection): DesktopWindow | undefined {
  const focus: (number | null)[] = [0];
  connection.x.XGetInputFocus(connection.display, focus, [0]);
  const focused = topLevelAbove(connection, Number(focus[0] ?? 0));
  return preferForeignMenu(connection, focused === undefined ? undefined : describe(connection, focused));
}

export function pointerReceiver(connection: Connection, at: Point): DesktopWindow | undefined {
  const { x, display, root } = connection;
  const child: (number | null)[] = [0];
  x.XTranslateCoordinates(display, root, root, at.x, at.y, [0], [0], child);
  const top = Number(child[0] ?? 0);
  if (top === 0) return preferForeignMenu(connection, undefined);
  return preferForeignMenu(connection, describe(connection, managedInside(connection, top) ?? top));
}

/** The managed window at or above `window`; failing that the outermost window, which nobody manages. */
function topLevelAbove(connection: Connection, window: XId): XId | undefined {
  // 0 is "no focus" and 1 "whatever is under the pointer": no window that anyone chose.
  if (window <= 1 || window === connection.root) return undefined;
  const managed = new Set(managedWindows(connection));
  for (let at = window; ; ) {
    if (managed.has(at)) return at;
    const { parent } = connection.tree(at);
    if (parent === 0) return undefined;
    if (parent === connection.root) return connection.attributes(at)?.unmanaged ? at : undefined;
    at = parent;
  }
}

/** The managed window within a window manager's frame (or the frame itself, where there is no frame). */
function managedInside(connection: Connection, frame: XId): XId | undefined {
  const managed = new Set(managedWindows(connection));
  let level: XId[] = [frame];
  for (let depth = 0; depth < frameDepthMax && level.length > 0; depth++) {
    const found = level.find((window) => managed.has(window));
    if (found !== undefined) return found;
    level = level.flatMap((window) => connection.tree(window).children);
  }
  return undefined;
}

/** What lies above the topmost managed window and is shown: menus, tooltips, lockers; the topmost first. */
export function unmanagedOnTop(connection: Connection): XId[] {
  const found: XId[] = [];
  const children = connection.tree(connection.root).children;
  for (const window of children.reverse()) {
    const attributes = connection.attributes(window);
    if (!attributes?.viewable || !attributes.drawable) continue;
    // Some window managers' frames are override-redirect themselves.
    if (!attributes.unmanaged || managedInside(connection, window) !== undefined) break;
    found.push(window);
  }
  return found;
}

function preferForeignMenu(connection: Connection, window: DesktopWindow | undefined): DesktopWindow | undefined {
  for (const popup of unmanagedOnTop(connection)) {
    const types = connection.numbers(popup, "_NET_WM_WINDOW_TYPE");
    if (!menuTypes.some((type) => types.includes(connection.atom(type)))) continue;
    const menu = describe(connection, popup);
    if (menu && (window === undefined || menu.pid !== window.pid)) return menu;
  }
  return window;
}
