// Waiting until the window manager has dealt with a click.
//
// Window managers hold a click back (a synchronous grab), give its window the focus, and only then pass it on. Keys are
// not held back, so what is typed right after a click could overtake it and land at the old caret or in the old window.
// The window manager takes its events in order: once it answers a question asked after the click, the click has passed.

import { setTimeout as pause } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import type { XId } from "./xlib.ts";

/** EWMH's question without side effects: the extents of the frame that a window would get, answered by a property. */
const question = "_NET_REQUEST_FRAME_EXTENTS";
const answer = "_NET_FRAME_EXTENTS";
/** A window manager that does not know the question, or is itself held up, must not stop the work. */
const answerTimeoutMs = 250;
const pollMs = 1;

export class ManagerTurn {
  readonly #connection: Connection;
  #window: XId = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async passed(): Promise<void> {
    const { x, display, root } = this.#connection;
    if (this.#window === 0) this.#window = x.XCreateSimpleWindow(display, root, -1, -1, 1, 1, 0, 0, 0);
    x.XDeleteProperty(display, this.#window, this.#connection.atom(answer));
    this.#connection.askWindowManager(this.#window, question, []);
    const deadline = performance.now() + answerTimeoutMs;
    while (this.#connection.numbers(this.#window, answer).length === 0 && performance.now() < deadline) {
      await pause(pollMs);
      this.#connection.alive();
    }
  }
}
