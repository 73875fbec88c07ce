// Names of keys in chords, the same on every platform: `ctrl+shift+s`, `enter`, `alt+F4`, `ctrl++`.

import { UnknownKey } from "./desktop.ts";

export type ModifierName = "ctrl" | "shift" | "alt" | "super";

export type NamedKey =
  | "enter"
  | "escape"
  | "tab"
  | "backspace"
  | "delete"
  | "insert"
  | "home"
  | "end"
  | "pageup"
  | "pagedown"
  | "up"
  | "down"
  | "left"
  | "right"
  | "space"
  | "menu"
  | "printscreen"
  | "pause"
  | "capslock"
  | "f1"
  | "f2"
  | "f3"
  | "f4"
  | "f5"
  | "f6"
  | "f7"
  | "f8"
  | "f9"
  | "f10"
  | "f11"
  | "f12";

export type ChordKey =
  | { readonly is: "named"; readonly name: NamedKey }
  | { readonly is: "character"; readonly character: string }
  | { readonly is: "modifier"; readonly name: ModifierName };

/** Modifiers are held, in this order, while the key is pressed. */
export interface Chord {
  readonly modifiers: readonly ModifierName[];
  readonly key: ChordKey;
}

const modifiers: Record<string, ModifierName> = {
  ctrl: "ctrl",
  control: "ctrl",
  shift: "shift",
  alt: "alt",
  super: "super",
  meta: "super",
  win: "super",
};

const aliases: Record<string, NamedKey> = {
  return: "enter",
  esc: "escape",
  del: "delete",
  ins: "insert",
  pgup: "pageup",
  pgdn: "pagedown",
  prtsc: "printscreen",
};

const named: ReadonlySet<string> = new Set<NamedKey>([
  "enter",
  "escape",
  "tab",
  "backspace",
  "delete",
  "insert",
  "home",
  "end",
  "pageup",
  "pagedown",
  "up",
  "down",
  "left",
  "right",
  "space",
  "menu",
  "printscreen",
  "pause",
  "capslock",
  "f1",
  "f2",
  "f3",
  "f4",
  "f5",
  "f6",
  "f7",
  "f8",
  "f9",
  "f10",
  "f11",
  "f12",
]);

/**
 * Reads a chord. Names are in any case. With ctrl, alt or super a letter means its key (`ctrl+S` is `ctrl+s`);
 * alone, or with shift only, a character means what typing it would.
 */
export function parseChord(chord: string): Chord {
  const parts = splitChord(chord.trim());
  const last = parts.pop() ?? "";
  const held: ModifierName[] = [];
  for (const part of parts) {
    const modifier = modifiers[part.toLowerCase()];
    if (modifier === undefined) throw new UnknownKey(`"${part}" is no modifier key (in the chord "${chord}")`);
    if (!held.includes(modifier)) held.push(modifier);
  }
  return { modifiers: held, key: readKey(last, held, chord) };
}

/** `+` separates keys, and is a key itself where a key is due. */
function splitChord(chord: string): string[] {
  if (chord === "+") return ["+"];
  if (chord.endsWith("++")) return [...chord.slice(0, -2).split("+"), "+"];
  return chord.split("+");
}

function readKey(text: string, held: readonly ModifierName[], chord: string): ChordKey {
  if ([...text].length === 1) {
    const plain = held.some((modifier) => modifier !== "shift");
    return { is: "character", character: plain ? text.toLowerCase() : text };
  }
  const name = text.toLowerCase();
  const modifier = modifiers[name];
  if (modifier !== undefined) return { is: "modifier", name: modifier };
  const key = aliases[name] ?? name;
  if (!named.has(key)) throw new UnknownKey(`no key is called "${text}" (in the chord "${chord}")`);
  return { is: "named", name: key as NamedKey };
}
