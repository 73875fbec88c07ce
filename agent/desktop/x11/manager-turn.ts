// Waiting until the window manager has dealt with what happened so far.
//
// Window managers hold a click back (a synchronous grab), give its window the focus, and only then pass it on. Keys are
// not held back, so what is typed right after a click could overtake it and land at the old caret or in the old window.
// The window manager takes its events in order: once it answers a question asked after the click, the click has passed.
// It may be far behind: every character that typing puts on a spare keycode costs openbox 20 to 30 ms.

import { setTimeout as pause } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import type { XId } from "./xlib.ts";

/** EWMH's question without side effects: the extents of the frame that a window would get, answered by a property. */
const question = "_NET_REQUEST_FRAME_EXTENTS";
const answer = "_NET_FRAME_EXTENTS";
/** A window manager that is itself held up must not stop the work for ever. */
const answerTimeoutMs = 10_000;
/** What one that does not know the question gets, instead of an answer. */
const unknownPauseMs = 30;
const pollMs = 1;

export class ManagerTurn {
  readonly #connection: Connection;
  #window: XId = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async passed(): Promise<void> {
    const { x, display, root } = this.#connection;
    const known = this.#connection.numbers(root, "_NET_SUPPORTED").includes(this.#connection.atom(question));
    if (!known) return pause(unknownPauseMs);
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
