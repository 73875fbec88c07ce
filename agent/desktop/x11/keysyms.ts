// X's numbers for keys and characters.

import type { ModifierName, NamedKey } from "../key-names.ts";

export const modifierKeysyms: Record<ModifierName, number> = {
  ctrl: 0xffe3,
  shift: 0xffe1,
  alt: 0xffe9,
  super: 0xffeb,
};

export const namedKeysyms: Record<NamedKey, number> = {
  enter: 0xff0d,
  escape: 0xff1b,
  tab: 0xff09,
  backspace: 0xff08,
  delete: 0xffff,
  insert: 0xff63,
  home: 0xff50,
  end: 0xff57,
  pageup: 0xff55,
  pagedown: 0xff56,
  up: 0xff52,
  down: 0xff54,
  left: 0xff51,
  right: 0xff53,
  space: 0x20,
  menu: 0xff67,
  printscreen: 0xff61,
  pause: 0xff13,
  capslock: 0xffe5,
  f1: 0xffbe,
  f2: 0xffbf,
  f3: 0xffc0,
  f4: 0xffc1,
  f5: 0xffc2,
  f6: 0xffc3,
  f7: 0xffc4,
  f8: 0xffc5,
  f9: 0xffc6,
  f10: 0xffc7,
  f11: 0xffc8,
  f12: 0xffc9,
};

/** Text that no key can mean, so that it is refused before the first character rather than typed wrongly. */
export class UntypableText extends Error {
  override readonly name = "UntypableText";
}

/** The key symbol that types a code point; the message names the code point only by its kind (it may be a person's). */
export function characterKeysym(codePoint: number): number {
  if (codePoint === 0x0a) return namedKeysyms.enter;
  if (codePoint === 0x09) return namedKeysyms.tab;
  if (codePoint < 0x20 || (codePoint >= 0x7f && codePoint < 0xa0)) {
    throw new UntypableText("the text holds a control character other than line feed and tab");
  }
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) throw new UntypableText("the text holds half a surrogate pair");
  return codePoint <= 0xff ? codePoint : 0x01000000 + codePoint;
}
