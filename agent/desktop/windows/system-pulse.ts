// Whether Windows' window system still answers: a question to it, made on another thread. While one is not answered, no other
// is asked.

import type { Handle, Win32 } from "./win32.ts";

const readObjects = 1;

export class SystemPulse {
  readonly #win32: Win32;
  #asked: Promise<true> | undefined;

  constructor(win32: Win32) {
    this.#win32 = win32;
  }

  async answers(withinMs: number): Promise<boolean> {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(late.resolve, withinMs, false);
    return Promise.race([this.#asked, late.promise]).finally(() => clearTimeout(timer));
  }

  /** Which desktop takes input; that it may not be opened is an answer too. */
  #ask(): Promise<true> {
    return new Promise((resolve, reject) => {
      this.#win32.OpenInputDesktop.async(0, 0, readObjects, (error: Error | null, desktop: Handle) => {
        if (error !== null) return reject(error);
        if (desktop !== 0) this.#win32.CloseDesktop(desktop);
        resolve(true);
      });
    });
  }
}
