// Which keycode gives which symbol, read from the server, and the keycodes that no key of the layout uses.
//
// A character that is not on the layout is put on such a spare keycode and left there: clearing it at once would race
// the application that is still to look the key up, and the next use finds it in place. A keycode that carries one and
// the same character with and without Shift is one of ours (real keys differ, or leave Shift empty), so what a killed
// agent left behind is found and used again.

import { type Connection, readLongs } from "./connection.ts";

export interface Key {
  readonly keycode: number;
  readonly shift: boolean;
}

export class KeyboardLayout {
  readonly #connection: Connection;
  readonly #first: number;
  readonly #perKeycode: number;
  /** All symbols of a keycode, by keycode. */
  readonly #rows = new Map<number, number[]>();
  readonly #keys = new Map<number, Key>();

  constructor(connection: Connection) {
    this.#connection = connection;
    const { x, display } = connection;
    const first = [0];
    const last = [0];
    const per = [0];
    x.XDisplayKeycodes(display, first, last);
    this.#first = first[0] ?? 8;
    const count = (last[0] ?? 255) - this.#first + 1;
    const at = x.XGetKeyboardMapping(display, this.#first, count, per);
    connection.alive();
    this.#perKeycode = per[0] ?? 0;
    if (at === null || this.#perKeycode === 0) throw new Error("the X server gives no keyboard layout");
    const symbols = readLongs(at, count * this.#perKeycode);
    x.XFree(at);
    for (let index = 0; index < count; index++) {
      const row = symbols.slice(index * this.#perKeycode, (index + 1) * this.#perKeycode);
      this.#remember(this.#first + index, row);
    }
  }

  #remember(keycode: number, row: number[]): void {
    this.#rows.set(keycode, row);
    // Only the first group's two levels: the others need modifiers that differ from layout to layout.
    for (const level of [0, 1]) {
      const symbol = row[level] ?? 0;
      if (symbol !== 0 && !this.#keys.has(symbol)) this.#keys.set(symbol, { keycode, shift: level === 1 });
    }
  }

  find(keysym: number): Key | undefined {
    return this.#keys.get(keysym);
  }

  /** Keycodes that may be given a character: the empty ones first, then those that carry one of an earlier text. */
  spares(): number[] {
    const spares = [...this.#rows.keys()].filter((keycode) => this.#rows.get(keycode)?.every((symbol) => symbol === 0));
    return [...spares, ...this.borrowed()];
  }

  /** Keycodes that carry a character put there by an agent. */
  borrowed(): number[] {
    return [...this.#rows].filter(([, row]) => isBorrowed(row)).map(([keycode]) => keycode);
  }

  /** Gives a keycode one symbol on all its levels, or (0) none. Takes hold at the server's next reply. */
  assign(keycode: number, keysym: number): void {
    const { x, display } = this.#connection;
    const row = new Array<number>(this.#perKeycode).fill(keysym);
    x.XChangeKeyboardMapping(display, keycode, this.#perKeycode, BigUint64Array.from(row, BigInt), 1);
    for (const [symbol, key] of this.#keys) if (key.keycode === keycode) this.#keys.delete(symbol);
    this.#remember(keycode, row);
  }
}

/** The server fills up the levels of a group or two, and leaves the rest of the row empty. */
function isBorrowed(row: readonly number[]): boolean {
  const symbol = row[0] ?? 0;
  // Not the space: every layout has its own, on some with one and the same meaning on all levels.
  const isCharacter = (symbol > 0x20 && symbol <= 0xff) || symbol >= 0x01000000;
  const used = row.filter((other) => other !== 0);
  return isCharacter && used.length >= 2 && row[1] === symbol && used.every((other) => other === symbol);
}
