// The one door through which input reaches a Windows desktop (guarantees G1 and G3).
//
// Windows lets nobody stop the others, as an X server's grab does. What is promised instead:
// 1. Who would receive the call is asked in the same turn as the call is made, for every single character, chord and pointer
//    event: nothing of this process runs in between but the gate's answer (docs/architecture.md says how long that takes).
// 2. All parts of one call are given to Windows at once, and no other input comes between them.
// 3. After a character the foreground window is asked again. If another one has it, the character may have gone there:
//    `ReceiverChanged` is thrown, and the call counts as made, so that the step says SOME and not ALL. After chords and
//    pointer events the foreground changes rightly, and the next call's question finds out.
// 4. A call ends when the window's program had its turns (or was too long about one). Input that waits in a program's queue
//    goes to what has the focus in it when it gets there, and is lost when another program gets the foreground first. So it is
//    not piled up; that it was all taken is not promised, and a step that has to know has its own check (`done`).
// 5. Windows itself keeps programs from taking the foreground while there is input (the foreground lock), which this is.
// A call that Windows takes nothing of throws `InputBlocked`. It was admitted and does not count as made: SOME, the careful
// word, as it is not told why. Windows also drops, and tells nobody, what is sent to a program of higher rights.

import { type DesktopWindow, type InputGate, ReceiverChanged } from "../desktop.ts";
import type { ForeignInput } from "./foreign-input.ts";
import { foreground } from "./receivers.ts";
import { answers } from "./responsiveness.ts";
import type { Handle, Win32 } from "./win32.ts";
import { windowHandle } from "./windows.ts";

/** Windows took no input: another program blocks it, or the agent may not use the desktop that is shown. */
export class InputBlocked extends Error {
  override readonly name = "InputBlocked";
}

/** One INPUT structure. */
export type InputEvent = Uint8Array;

export const inputBytes = 40;

/** A character is three messages: a key press, what it means, and its release. */
const turnsOfACall = 3;
const turnWithinMs = 200;

export interface Call {
  /** Asks Windows who would receive it. */
  receiver(): DesktopWindow | undefined;
  events(): readonly InputEvent[];
  /** What releases all that `events` presses, should Windows have taken only some of them. */
  readonly release: readonly InputEvent[];
  /** True for a character (3). */
  readonly keepsForeground: boolean;
}

export class GuardedInput {
  readonly #win32: Win32;
  readonly #foreign: ForeignInput;

  constructor(win32: Win32, foreign: ForeignInput) {
    this.#win32 = win32;
    this.#foreign = foreign;
  }

  async inject(gate: InputGate, call: Call): Promise<void> {
    for (;;) {
      await gate.ready();
      const events = call.events();
      const [active, receiver] = this.#asked(call);
      if (!gate.admit(receiver)) continue;
      this.#make(gate, call, events, active);
      if (receiver !== undefined) await this.#turnsOf(windowHandle(receiver));
      return;
    }
  }

  #make(gate: InputGate, call: Call, events: readonly InputEvent[], active: Handle): void {
    const taken = this.send(events);
    if (taken === 0) throw new InputBlocked("Windows did not take the input");
    gate.injected();
    if (taken < events.length) {
      this.send(call.release);
      throw new InputBlocked("Windows took only a part of the input");
    }
    if (call.keepsForeground && foreground(this.#win32) !== active) {
      throw new ReceiverChanged("another window took the foreground while a character was sent");
    }
  }

  async #turnsOf(window: Handle): Promise<void> {
    for (let turn = 0; turn < turnsOfACall; turn++) {
      if (!(await answers(this.#win32, window, turnWithinMs))) return;
    }
  }

  /**
   * Who would receive it, with the foreground window. What there is to tell of a window takes some calls; if another one took
   * the foreground meanwhile, it is asked again, so that the last question before the gate is the shortest.
   */
  #asked(call: Call): [Handle, DesktopWindow | undefined] {
    for (;;) {
      const active = foreground(this.#win32);
      const receiver = call.receiver();
      if (foreground(this.#win32) === active) return [active, receiver];
    }
  }

  /** How many of the events Windows took. Without the gate only for what releases keys and buttons, or does nothing. */
  send(events: readonly InputEvent[]): number {
    if (events.length === 0) return 0;
    const taken = this.#win32.SendInput(events.length, Buffer.concat(events), inputBytes);
    this.#foreign.sent();
    return taken;
  }
}
