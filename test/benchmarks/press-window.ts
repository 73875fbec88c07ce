// A window that tells when a button is pressed on it: the far end of a click, seen by another X client than the agent.

import { setImmediate as nextTurn } from "node:timers/promises";
import koffi from "koffi";
import { Connection } from "../../agent/desktop/x11/connection.ts";

const buttonPress = 4;
const buttonPressMask = 4;
const cardinalType = 6;
const stringType = 31;

export class PressWindow {
  readonly #connection: Connection;

  constructor(display: string, title: string, size: { readonly width: number; readonly height: number }) {
    const connection = new Connection(display);
    this.#connection = connection;
    const { x, root } = connection;
    const map = koffi.load("libX11.so.6").func("int XMapRaised(void *, unsigned long)");
    const window = x.XCreateSimpleWindow(connection.display, root, 0, 0, size.width, size.height, 0, 0, 0xffffff);
    const put = (name: string, type: number, format: number, bytes: Uint8Array, elements: number) =>
      x.XChangeProperty(connection.display, window, connection.atom(name), type, format, 0, bytes, elements);
    put("WM_NAME", stringType, 8, Buffer.from(title), title.length);
    put("_NET_WM_PID", cardinalType, 32, new Uint8Array(BigUint64Array.of(BigInt(process.pid)).buffer), 1);
    x.XSelectInput(connection.display, window, buttonPressMask);
    map(connection.display, window);
    x.XSync(connection.display, 0);
  }

  /** Resolves with `performance.now()` at the next press. Looks all the time: a timer would be too coarse. */
  async pressed(withinMs: number): Promise<number> {
    for (const deadline = performance.now() + withinMs; performance.now() < deadline; await nextTurn()) {
      if (this.#connection.events().some((event) => event.readInt32LE(0) === buttonPress)) return performance.now();
    }
    throw new Error(`nothing was pressed within ${withinMs} ms`);
  }

  close(): void {
    this.#connection.close();
  }
}
