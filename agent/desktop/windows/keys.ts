// Key names -> virtual keys, and the INPUT structures that press and release them.

import type { ModifierName, NamedKey } from "../key-names.ts";
import { type InputEvent, inputBytes } from "./guarded-input.ts";
import type { Win32 } from "./win32.ts";

export type VirtualKey = number;

export const namedKeys: Readonly<Record<NamedKey, VirtualKey>> = {
  enter: 0x0d,
  escape: 0x1b,
  tab: 0x09,
  backspace: 0x08,
  delete: 0x2e,
  insert: 0x2d,
  home: 0x24,
  end: 0x23,
  pageup: 0x21,
  pagedown: 0x22,
  up: 0x26,
  down: 0x28,
  left: 0x25,
  right: 0x27,
  space: 0x20,
  menu: 0x5d,
  printscreen: 0x2c,
  pause: 0x13,
  capslock: 0x14,
  f1: 0x70,
  f2: 0x71,
  f3: 0x72,
  f4: 0x73,
  f5: 0x74,
  f6: 0x75,
  f7: 0x76,
  f8: 0x77,
  f9: 0x78,
  f10: 0x79,
  f11: 0x7a,
  f12: 0x7b,
};

export const modifierKeys: Readonly<Record<ModifierName, VirtualKey>> = {
  ctrl: 0x11,
  shift: 0x10,
  alt: 0x12,
  super: 0x5b,
};

const numLock = 0x90;
/** On a keyboard these send a prefix before their scan code; without it the arrows are the numeric block's. */
const extended: ReadonlySet<VirtualKey> = new Set([
  ...(["insert", "delete", "home", "end", "pageup", "pagedown", "up", "down", "left", "right"] as const).map(
    (name) => namedKeys[name],
  ),
  namedKeys.menu,
  namedKeys.printscreen,
  modifierKeys.super,
  numLock,
]);

const typeKeyboard = 1;
const flag = { extended: 1, up: 2, unicode: 4 };
const toScanCode = 0;

/** With its scan code, for programs that read keys and not what they mean. */
export function keyEvent(win32: Win32, key: VirtualKey, press: boolean): InputEvent {
  const flags = (extended.has(key) ? flag.extended : 0) | (press ? 0 : flag.up);
  return keyboardInput(key, win32.MapVirtualKeyW(key, toScanCode), flags);
}

/** A character that no key need have: one press and release for each of its UTF-16 units. */
export function characterEvents(character: string): InputEvent[] {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at)).flatMap((unit) => [
    keyboardInput(0, unit, flag.unicode),
    keyboardInput(0, unit, flag.unicode | flag.up),
  ]);
}

/** INPUT with a KEYBDINPUT: type at 0, virtual key at 8, scan code at 10, flags at 12. */
function keyboardInput(key: VirtualKey, scanCode: number, flags: number): InputEvent {
  const event = Buffer.alloc(inputBytes);
  event.writeUInt32LE(typeKeyboard, 0);
  event.writeUInt16LE(key, 8);
  event.writeUInt16LE(scanCode, 10);
  event.writeUInt32LE(flags, 12);
  return event;
}
