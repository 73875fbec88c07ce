// What an X server says of the session that it shows: for a diagnosis to tell.

import { Connection } from "./connection.ts";
import { hasWindowManager } from "./windows.ts";
import { RawInputs } from "./xinput.ts";

export interface X11Facts {
  readonly display: string;
  /** The X programs of a Wayland desktop are shown by a server that says so. */
  readonly wayland: boolean;
  /** The extension by which input goes. */
  readonly takesInput: boolean;
  /** Whether it tells whose input it was. */
  readonly tellsInput: boolean;
  /** Its name, which may be empty; undefined when none runs. */
  readonly windowManager: string | undefined;
  /** 0: never. */
  readonly screenSaverSeconds: number;
}

/** Rejects with `DesktopLost` if no server answers. Waits for ever for a server that hangs. */
export async function readX11Facts(display = process.env["DISPLAY"] ?? ""): Promise<X11Facts> {
  const connection = new Connection(display);
  try {
    const facts = {
      display,
      wayland: hasExtension(connection, "XWAYLAND"),
      takesInput: hasExtension(connection, "XTEST"),
      tellsInput: RawInputs.on(connection) !== undefined,
      windowManager: hasWindowManager(connection) ? managerName(connection) : undefined,
      screenSaverSeconds: screenSaverSeconds(connection),
    };
    connection.alive();
    return facts;
  } finally {
    connection.close();
  }
}

function hasExtension({ x, display }: Connection, name: string): boolean {
  return x.XQueryExtension(display, name, [0], [0], [0]) !== 0;
}

function managerName(connection: Connection): string {
  const check = connection.numbers(connection.root, "_NET_SUPPORTING_WM_CHECK")[0];
  return check === undefined ? "" : connection.text(check, "_NET_WM_NAME");
}

function screenSaverSeconds({ x, display }: Connection): number {
  const timeout: (number | null)[] = [0];
  x.XGetScreenSaver(display, timeout, [0], [0], [0]);
  return timeout[0] ?? 0;
}
