// The one door through which input reaches an X11 desktop (guarantees G1 and G3).
//
// While this connection holds the server grab no other client's request is served: no window can take the focus, be
// raised, mapped or destroyed between the question "who would receive this?" and the input call itself.
// Nothing in `inject` may wait: the whole desktop stands still meanwhile.

import type { DesktopWindow, InputGate } from "../desktop.ts";
import type { Connection } from "./connection.ts";

/**
 * Makes one input call. `receiver` asks the server who would receive it; `call` makes it and, if it fails half-way,
 * releases what it pressed.
 */
export async function inject(
  connection: Connection,
  gate: InputGate,
  receiver: () => DesktopWindow | undefined,
  call: () => void,
): Promise<void> {
  await gate.ready();
  connection.alive();
  const { x, display } = connection;
  x.XGrabServer(display);
  try {
    const window = receiver();
    connection.alive();
    gate.admit(window);
    try {
      call();
      x.XSync(display, 0);
    } finally {
      // Even if the server was lost in the middle: the call may have reached the desktop, and G4 wants that counted.
      gate.injected();
    }
    connection.alive();
  } finally {
    if (!connection.lost) {
      x.XUngrabServer(display);
      x.XFlush(display);
    }
  }
}
