// The pointer of a Windows desktop. A move, a click (press and release together), each step of a drag and each notch of the
// wheel is one input call behind the gate.

import { setTimeout as pause } from "node:timers/promises";
import type { InputGate, Point, PointerButton } from "../desktop.ts";
import { type GuardedInput, type InputEvent, inputBytes } from "./guarded-input.ts";
import { pointerReceiver } from "./receivers.ts";
import { absolutePosition, virtualScreen, wholePixel } from "./virtual-screen.ts";
import type { Win32 } from "./win32.ts";

const flag = { move: 0x1, wheel: 0x800, sidewaysWheel: 0x1000, wholeScreen: 0x4000, absolute: 0x8000 };
const buttonFlags = {
  left: { press: 0x2, release: 0x4 },
  right: { press: 0x8, release: 0x10 },
  middle: { press: 0x20, release: 0x40 },
};
const swapped: Record<PointerButton, PointerButton> = { left: "right", right: "left", middle: "middle" };
const buttonsAreSwapped = 23;
const doubleClick = { width: 36, height: 37 };
/** Windows' clock for input goes forward by up to 16 ms at once. */
const clockStepMs = 20;
const notch = 120;
const dragSteps = 12;
/** Programs fold moves that arrive together into one: a drag is recognised by several. */
const dragStepMs = 8;

export class Pointer {
  readonly #win32: Win32;
  readonly #input: GuardedInput;
  #lastClick: { readonly at: Point; readonly when: number } | undefined;

  constructor(win32: Win32, input: GuardedInput) {
    this.#win32 = win32;
    this.#input = input;
  }

  move(to: Point, gate: InputGate): Promise<void> {
    return this.#at(to, gate, []);
  }

  async click(at: Point, button: PointerButton, count: number, gate: InputGate): Promise<void> {
    await this.#awayFromLastClick(at);
    await this.move(at, gate);
    const { press, release } = this.#button(button);
    try {
      for (let done = 0; done < count; done++) await this.#at(at, gate, [mouseInput(press), mouseInput(release)]);
    } finally {
      this.#lastClick = { at, when: performance.now() };
    }
  }

  async drag(from: Point, to: Point, gate: InputGate): Promise<void> {
    const { press, release } = this.#button("left");
    await this.move(from, gate);
    await this.#at(from, gate, [mouseInput(press)]);
    let released = false;
    try {
      for (let step = 1; step <= dragSteps; step++) {
        await pause(dragStepMs);
        await this.#at(between(from, to, step / dragSteps), gate, []);
      }
      await pause(dragStepMs);
      await this.#at(to, gate, [mouseInput(release)]);
      released = true;
    } finally {
      // Not input but its end: a refused drag must not leave the button down (invariant 2 of the interface).
      if (!released) this.#input.send([mouseInput(release)]);
    }
  }

  async scroll(at: Point, dx: number, dy: number, gate: InputGate): Promise<void> {
    await this.move(at, gate);
    // Windows counts turns away from the person as positive, and those to the right.
    const vertical = mouseInput(flag.wheel, -Math.sign(dy) * notch);
    const sideways = mouseInput(flag.sidewaysWheel, Math.sign(dx) * notch);
    for (let turned = 0; turned < Math.abs(Math.trunc(dy)); turned++) await this.#at(at, gate, [vertical]);
    for (let turned = 0; turned < Math.abs(Math.trunc(dx)); turned++) await this.#at(at, gate, [sideways]);
  }

  /** Windows makes one double click of two clicks at one place that come soon after each other. */
  async #awayFromLastClick(at: Point): Promise<void> {
    if (this.#lastClick === undefined) return;
    const near = (axis: "x" | "y", metric: number) =>
      Math.abs(at[axis] - (this.#lastClick?.at[axis] ?? 0)) <= this.#win32.GetSystemMetrics(metric);
    if (!near("x", doubleClick.width) || !near("y", doubleClick.height)) return;
    const remainingMs = this.#lastClick.when + this.#win32.GetDoubleClickTime() + clockStepMs - performance.now();
    if (remainingMs > 0) await pause(remainingMs);
  }

  /** One input call with the pointer at `at`; the pointer is put there again, as a person may have moved it. */
  #at(at: Point, gate: InputGate, then: readonly InputEvent[]): Promise<void> {
    const screen = virtualScreen(this.#win32);
    const point = wholePixel(at, screen);
    const there = absolutePosition(point, screen);
    const move = mouseInput(flag.move | flag.absolute | flag.wholeScreen, 0, there);
    return this.#input.inject(gate, {
      receiver: () => pointerReceiver(this.#win32, point),
      events: () => [move, ...then],
      release: Object.values(buttonFlags).flatMap(({ release }) => (then.some(presses) ? [mouseInput(release)] : [])),
      keepsForeground: false,
    });
  }

  /** A person's left-handed mouse turns what is sent as well. */
  #button(button: PointerButton): { press: number; release: number } {
    return buttonFlags[this.#win32.GetSystemMetrics(buttonsAreSwapped) === 0 ? button : swapped[button]];
  }
}

const pressFlags = buttonFlags.left.press | buttonFlags.right.press | buttonFlags.middle.press;
const presses = (event: InputEvent): boolean => ((event[20] ?? 0) & pressFlags) !== 0;

/** INPUT with a MOUSEINPUT: type (0) at 0, x at 8, y at 12, the wheel's turn at 16, flags at 20. */
export function mouseInput(flags: number, turn = 0, at: Point = { x: 0, y: 0 }): InputEvent {
  const event = Buffer.alloc(inputBytes);
  event.writeInt32LE(at.x, 8);
  event.writeInt32LE(at.y, 12);
  event.writeInt32LE(turn, 16);
  event.writeUInt32LE(flags, 20);
  return event;
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
