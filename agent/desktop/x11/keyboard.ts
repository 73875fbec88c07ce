// Typing and chords on an X11 desktop. Every character and every chord is one input call behind the gate.

import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { type InputGate, UnknownKey } from "../desktop.ts";
import { type ChordKey, parseChord } from "../key-names.ts";
import type { Connection } from "./connection.ts";
import type { GuardedInput } from "./guarded-input.ts";
import { type Key, KeyboardLayout } from "./keyboard-layout.ts";
import { characterKeysym, modifierKeysyms, namedKeysyms } from "./keysyms.ts";
import { ManagerTurn } from "./manager-turn.ts";
import { keyboardReceiver } from "./receivers.ts";

/** Applications (and input methods) take this long to notice that a keycode means something new. */
const noticeMs = 60;
/** A keycode keeps its meaning at least this long after it was typed: the application may be late in looking it up. */
const settleMs = 150;

const coreKeyboard = 0x100;
const capsLock = 2;

export class Keyboard {
  readonly #connection: Connection;
  readonly #input: GuardedInput;
  readonly #managerTurn: ManagerTurn;
  /** When a borrowed keycode was last typed. */
  readonly #typedAt = new Map<number, number>();

  constructor(connection: Connection, input: GuardedInput) {
    this.#connection = connection;
    this.#input = input;
    this.#managerTurn = new ManagerTurn(connection);
  }

  async type(text: string, gate: InputGate): Promise<void> {
    const symbols = Array.from(text, (character) => characterKeysym(character.codePointAt(0) ?? 0));
    const layout = new KeyboardLayout(this.#connection);
    const shift = keyFor(layout, modifierKeysyms.shift, "shift").keycode;
    for (let next = 0; next < symbols.length; ) {
      const batch = await this.#makeTypable(layout, symbols, next);
      for (const key of batch) {
        await this.#strike(key.shift ? [shift] : [], key.keycode, gate);
        this.#typedAt.set(key.keycode, performance.now());
      }
      next += batch.length;
    }
  }

  async press(chord: string, gate: InputGate): Promise<void> {
    const parsed = parseChord(chord);
    const layout = new KeyboardLayout(this.#connection);
    const held = parsed.modifiers.map((name) => keyFor(layout, modifierKeysyms[name], name).keycode);
    const key = keyFor(layout, chordKeysym(parsed.key), chord);
    if (key.shift) held.push(keyFor(layout, modifierKeysyms.shift, "shift").keycode);
    await this.#strike([...new Set(held)], key.keycode, gate);
  }

  /** Gives back the keycodes that carry characters of earlier texts. */
  async release(): Promise<void> {
    if (this.#connection.lost || this.#typedAt.size === 0) return;
    await this.#settle([...this.#typedAt.keys()]);
    if (this.#connection.lost) return;
    const layout = new KeyboardLayout(this.#connection);
    for (const keycode of layout.borrowed()) if (this.#typedAt.has(keycode)) layout.assign(keycode, 0);
    this.#connection.x.XSync(this.#connection.display, 0);
  }

  /** The keys of as many characters as fit at once, from `next` on, after putting the missing ones on spare keycodes. */
  async #makeTypable(layout: KeyboardLayout, symbols: readonly number[], next: number): Promise<Key[]> {
    const wanted: number[] = [];
    const inUse = new Set<number>();
    const spares = layout.spares();
    const missing = new Set<number>();
    for (let at = next; at < symbols.length; at++) {
      const symbol = symbols[at] ?? 0;
      const key = layout.find(symbol);
      if (key) inUse.add(key.keycode);
      else if (!missing.has(symbol)) missing.add(symbol);
      // A spare that carries a character of this very batch is not free.
      if (missing.size > spares.filter((keycode) => !inUse.has(keycode)).length) {
        if (!key) missing.delete(symbol);
        break;
      }
      wanted.push(symbol);
    }
    if (wanted.length === 0)
      throw new Error("the keyboard has no free keycode for a character that is not on its layout");
    await this.#putOnSpares(
      layout,
      [...missing],
      spares.filter((keycode) => !inUse.has(keycode)),
    );
    return wanted.map((symbol) => keyFor(layout, symbol, "a character"));
  }

  async #putOnSpares(layout: KeyboardLayout, missing: readonly number[], free: readonly number[]): Promise<void> {
    if (missing.length === 0) return;
    const taken = free.slice(0, missing.length);
    await this.#settle(taken);
    this.#connection.alive();
    for (const [index, symbol] of missing.entries()) layout.assign(taken[index] ?? 0, symbol);
    this.#connection.x.XSync(this.#connection.display, 0);
    // Without this wait a text of many strange characters leaves the window manager seconds behind: windows of programs
    // started next appear late, and do not get the focus.
    await Promise.all([pause(noticeMs), this.#managerTurn.passed()]);
  }

  async #settle(keycodes: readonly number[]): Promise<void> {
    const last = Math.max(...keycodes.map((keycode) => this.#typedAt.get(keycode) ?? Number.NEGATIVE_INFINITY));
    const remainingMs = last + settleMs - performance.now();
    if (remainingMs > 0) await pause(remainingMs);
  }

  #strike(held: readonly number[], keycode: number, gate: InputGate): Promise<void> {
    const { x, display } = this.#connection;
    return this.#input.inject(
      gate,
      () => keyboardReceiver(this.#connection),
      () => {
        const all = [...held, keycode];
        // A lock that somebody left on would turn the case of what is typed; a second layout its meaning.
        x.XkbLockModifiers(display, coreKeyboard, capsLock, 0);
        x.XkbLockGroup(display, coreKeyboard, 0);
        for (const keycode of all) this.#input.key(keycode, true);
        for (const keycode of all.reverse()) this.#input.key(keycode, false);
      },
    );
  }
}

function keyFor(layout: KeyboardLayout, keysym: number, name: string): Key {
  const key = layout.find(keysym);
  if (!key) throw new UnknownKey(`the keyboard of this desktop has no key for ${name}`);
  return key;
}

function chordKeysym(key: ChordKey): number {
  if (key.is === "named") return namedKeysyms[key.name];
  if (key.is === "modifier") return modifierKeysyms[key.name];
  return characterKeysym(key.character.codePointAt(0) ?? 0);
}
