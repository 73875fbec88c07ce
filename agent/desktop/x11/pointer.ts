// The pointer of an X11 desktop. A move, a click (press and release together), each step of a drag and each notch of
// the wheel is one input call behind the gate.

import { setTimeout as pause } from "node:timers/promises";
import type { InputGate, Point, PointerButton } from "../desktop.ts";
import type { Connection } from "./connection.ts";
import type { GuardedInput } from "./guarded-input.ts";
import { ManagerTurn } from "./manager-turn.ts";
import { pointerReceiver } from "./receivers.ts";

const buttons: Record<PointerButton, number> = { left: 1, middle: 2, right: 3 };
const wheel = { up: 4, down: 5, left: 6, right: 7 };
const dragSteps = 12;
/** Toolkits fold moves that arrive together into one: a drag is recognised by several. */
const dragStepMs = 8;
const coordinateMax = 32_767;

export class Pointer {
  readonly #connection: Connection;
  readonly #input: GuardedInput;
  readonly #managerTurn: ManagerTurn;

  constructor(connection: Connection, input: GuardedInput) {
    this.#connection = connection;
    this.#input = input;
    this.#managerTurn = new ManagerTurn(connection);
  }

  move(to: Point, gate: InputGate): Promise<void> {
    return this.#at(to, gate, () => {});
  }

  async click(at: Point, button: PointerButton, count: number, gate: InputGate): Promise<void> {
    await this.move(at, gate);
    for (let done = 0; done < count; done++) {
      await this.#tap(at, buttons[button], gate);
      await this.#managerTurn.passed();
    }
  }

  async drag(from: Point, to: Point, gate: InputGate): Promise<void> {
    await this.move(from, gate);
    await this.#at(from, gate, () => this.#input.button(buttons.left, true));
    let released = false;
    try {
      await this.#managerTurn.passed();
      for (let step = 1; step <= dragSteps; step++) {
        await pause(dragStepMs);
        await this.#at(between(from, to, step / dragSteps), gate, () => {});
      }
      await pause(dragStepMs);
      await this.#at(to, gate, () => {
        this.#input.button(buttons.left, false);
        released = true;
      });
      await this.#managerTurn.passed();
    } finally {
      // Not input but its end: a refused drag must not leave the button down (invariant 2 of the interface).
      if (!released && !this.#connection.lost) this.#input.release(() => this.#input.button(buttons.left, false));
    }
  }

  async scroll(at: Point, dx: number, dy: number, gate: InputGate): Promise<void> {
    await this.move(at, gate);
    const vertical = dy > 0 ? wheel.down : wheel.up;
    const horizontal = dx > 0 ? wheel.right : wheel.left;
    for (let notch = 0; notch < Math.abs(Math.trunc(dy)); notch++) await this.#tap(at, vertical, gate);
    for (let notch = 0; notch < Math.abs(Math.trunc(dx)); notch++) await this.#tap(at, horizontal, gate);
    await this.#managerTurn.passed();
  }

  #tap(at: Point, button: number, gate: InputGate): Promise<void> {
    return this.#at(at, gate, () => {
      this.#input.button(button, true);
      this.#input.button(button, false);
    });
  }

  /** One input call with the pointer at `at`; the pointer is put there again, as a person may have moved it. */
  #at(at: Point, gate: InputGate, then: () => void): Promise<void> {
    const point = wholePixel(at);
    return this.#input.inject(
      gate,
      () => pointerReceiver(this.#connection, point),
      () => {
        this.#input.motion(point.x, point.y);
        then();
      },
    );
  }
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function wholePixel(at: Point): Point {
  const point = { x: Math.round(at.x), y: Math.round(at.y) };
  if (!(point.x >= 0 && point.y >= 0 && point.x <= coordinateMax && point.y <= coordinateMax)) {
    throw new RangeError("the point lies outside the desktop");
  }
  return point;
}
