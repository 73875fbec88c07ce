// A window that no window manager manages (override-redirect), as menus and screen lockers are; on a connection of its
// own, like another program's.

import koffi from "koffi";
import { Connection } from "../../../agent/desktop/x11/connection.ts";

export interface UnmanagedWindow {
  grabKeyboard(): void;
  close(): void;
}

export interface Look {
  readonly width: number;
  readonly height: number;
  /** For example `_NET_WM_WINDOW_TYPE_POPUP_MENU`. */
  readonly type?: string;
  readonly pid?: number;
}

const overrideRedirect = 1 << 9;
const atomType = 4;
const cardinalType = 6;

/** A black window at the top left. */
export function showUnmanagedWindow(display: string, { width, height, type, pid }: Look): UnmanagedWindow {
  const connection = new Connection(display);
  const { x } = connection;
  const library = koffi.load("libX11.so.6");
  const change = library.func("int XChangeWindowAttributes(void *, unsigned long, unsigned long, void *)");
  const map = library.func("int XMapRaised(void *, unsigned long)");
  const window = x.XCreateSimpleWindow(connection.display, connection.root, 0, 0, width, height, 0, 0, 0);
  const attributes = Buffer.alloc(112);
  attributes.writeInt32LE(1, 88); // override_redirect
  change(connection.display, window, overrideRedirect, attributes);
  const put = (name: string, kind: number, value: number) => {
    const longs = new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
    x.XChangeProperty(connection.display, window, connection.atom(name), kind, 32, 0, longs, 1);
  };
  if (type !== undefined) put("_NET_WM_WINDOW_TYPE", atomType, connection.atom(type));
  if (pid !== undefined) put("_NET_WM_PID", cardinalType, pid);
  map(connection.display, window);
  x.XSync(connection.display, 0);
  return {
    grabKeyboard() {
      if (x.XGrabKeyboard(connection.display, connection.root, 0, 1, 1, 0) !== 0) throw new Error("no grab");
    },
    close: () => connection.close(),
  };
}
