// The one door through which input reaches an X11 desktop (guarantees G1 and G3).
//
// While this connection holds the server grab no other client's request is served: no window can take the focus, be
// raised, mapped or destroyed between the question "who would receive this?" and the input call itself.
// Nothing in `inject` may wait: the whole desktop stands still meanwhile.

import type { DesktopWindow, InputGate } from "../desktop.ts";
import type { Connection } from "./connection.ts";
import type { ForeignInput } from "./foreign-input.ts";

export class GuardedInput {
  readonly #connection: Connection;
  readonly #foreign: ForeignInput;

  constructor(connection: Connection, foreign: ForeignInput) {
    this.#connection = connection;
    this.#foreign = foreign;
  }

  /**
   * Makes one input call. `receiver` asks the server who would receive it; `call` makes it by the methods below and, if
   * it fails half-way, releases what it pressed.
   */
  async inject(gate: InputGate, receiver: () => DesktopWindow | undefined, call: () => void): Promise<void> {
    do await gate.ready();
    while (!this.#injected(gate, receiver, call));
  }

  /** Not input but its end: what releases keys and buttons asks no gate. */
  release(call: () => void): void {
    this.#grabbed(() => {
      this.#connection.answered();
      this.#foreign.during(call);
    });
  }

  key(keycode: number, press: boolean): void {
    const { x, display } = this.#connection;
    x.XTestFakeKeyEvent(display, keycode, press ? 1 : 0, 0);
    if (press) this.#foreign.sent("key", keycode);
  }

  button(button: number, press: boolean): void {
    const { x, display } = this.#connection;
    x.XTestFakeButtonEvent(display, button, press ? 1 : 0, 0);
    if (press) this.#foreign.sent("button", button);
  }

  motion(toX: number, toY: number): void {
    const { x, display } = this.#connection;
    x.XTestFakeMotionEvent(display, -1, toX, toY, 0);
    this.#foreign.sent("motion", 0);
  }

  /** False if the gate has to be waited for again. */
  #injected(gate: InputGate, receiver: () => DesktopWindow | undefined, call: () => void): boolean {
    const connection = this.#connection;
    connection.alive();
    return this.#grabbed(() => {
      const window = receiver();
      connection.alive();
      if (!gate.admit(window)) return false;
      try {
        this.#foreign.during(call);
      } finally {
        // Even if the server was lost in the middle: the call may have reached the desktop, and G4 wants that counted.
        gate.injected();
      }
      connection.alive();
      return true;
    });
  }

  #grabbed<T>(work: () => T): T {
    const { x, display } = this.#connection;
    x.XGrabServer(display);
    try {
      return work();
    } finally {
      if (!this.#connection.lost) {
        x.XUngrabServer(display);
        x.XFlush(display);
      }
    }
  }
}
