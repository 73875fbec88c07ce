// Typing and chords on a Windows desktop. Every character and every chord is one input call behind the gate.
//
// Text is sent as characters and not as keys, so that neither the keyboard's layout nor a caps lock that somebody left on
// changes it. Line feeds and tabs are keys. A chord is made of keys, for programs that read keys.

import { type InputGate, UnknownKey } from "../desktop.ts";
import { type ChordKey, parseChord } from "../key-names.ts";
import type { Call, GuardedInput, InputEvent } from "./guarded-input.ts";
import { characterEvents, keyEvent, modifierKeys, namedKeys, type VirtualKey } from "./keys.ts";
import { foreground, keyboardReceiver } from "./receivers.ts";
import type { Win32 } from "./win32.ts";

/** What Windows answers of a character that the layout has no key for. */
const noKey = -1;
const shiftBits: readonly (readonly [number, VirtualKey])[] = [
  [1, modifierKeys.shift],
  [2, modifierKeys.ctrl],
  [4, modifierKeys.alt],
];
const otherShiftBits = ~7;

export class Keyboard {
  readonly #win32: Win32;
  readonly #input: GuardedInput;

  constructor(win32: Win32, input: GuardedInput) {
    this.#win32 = win32;
    this.#input = input;
  }

  async type(text: string, gate: InputGate): Promise<void> {
    const characters = Array.from(text);
    if (!characters.every(isTypable)) throw new RangeError("the text has a character that no key can mean");
    for (const character of characters) {
      const key = character === "\n" ? namedKeys.enter : character === "\t" ? namedKeys.tab : undefined;
      await this.#input.inject(gate, key === undefined ? this.#character(character) : this.#keys([], key));
    }
  }

  async press(chord: string, gate: InputGate): Promise<void> {
    const { modifiers, key } = parseChord(chord);
    const held = modifiers.map((name) => modifierKeys[name]);
    if (key.is !== "character") return this.#input.inject(gate, this.#keys(held, keyOf(key)));
    const found = this.#keyOfCharacter(key.character);
    if (found === undefined) {
      if (held.length > 0) throw new UnknownKey(`the keyboard of this desktop has no key for ${chord}`);
      return this.#input.inject(gate, this.#character(key.character));
    }
    return this.#input.inject(gate, this.#keys([...new Set([...held, ...found.held])], found.key));
  }

  #character(character: string): Call {
    const events = characterEvents(character);
    return { ...this.#call(() => events, events.filter(isRelease)), keepsForeground: true };
  }

  #keys(held: readonly VirtualKey[], key: VirtualKey): Call {
    const keys = [...held, key];
    const press = keys.map((each) => keyEvent(this.#win32, each, true));
    const release = keys.toReversed().map((each) => keyEvent(this.#win32, each, false));
    return this.#call(() => [...this.#capsLockOff(key), ...press, ...release], release);
  }

  #call(events: () => readonly InputEvent[], release: readonly InputEvent[]): Call {
    return { receiver: () => keyboardReceiver(this.#win32), events, release, keepsForeground: false };
  }

  /** A lock that somebody left on would turn the case of a letter. */
  #capsLockOff(key: VirtualKey): InputEvent[] {
    const lock = namedKeys.capslock;
    if (key === lock || (this.#win32.GetKeyState(lock) & 1) === 0) return [];
    return [keyEvent(this.#win32, lock, true), keyEvent(this.#win32, lock, false)];
  }

  /** The key that means `character` on the layout of the window that would receive it, and what is held with it. */
  #keyOfCharacter(character: string): { key: VirtualKey; held: VirtualKey[] } | undefined {
    const thread = this.#win32.GetWindowThreadProcessId(foreground(this.#win32), [0]);
    const layout = this.#win32.GetKeyboardLayout(thread);
    const answer = character.length === 1 ? this.#win32.VkKeyScanExW(character.charCodeAt(0), layout) : noKey;
    const shift = (answer >> 8) & 0xff;
    if (answer !== noKey && (shift & otherShiftBits) === 0) {
      return { key: answer & 0xff, held: shiftBits.filter(([bit]) => (shift & bit) !== 0).map(([, key]) => key) };
    }
    // On a layout of another script ctrl+s is still the key that says S in Latin: virtual keys are called so.
    return /^[a-z0-9]$/i.test(character) ? { key: character.toUpperCase().charCodeAt(0), held: [] } : undefined;
  }
}

function keyOf(key: Exclude<ChordKey, { is: "character" }>): VirtualKey {
  return key.is === "named" ? namedKeys[key.name] : modifierKeys[key.name];
}

const upFlag = 2;
const isRelease = (event: InputEvent): boolean => ((event[12] ?? 0) & upFlag) !== 0;

/** Every character but control characters and lone halves of a pair. */
function isTypable(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return character === "\n" || character === "\t" || (!control && character.isWellFormed());
}
