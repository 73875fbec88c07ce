// The clipboard of a Windows desktop: text only, with line feeds on this side and Windows' line ends on the other.
// One program at a time has it open; others wait.

import { setTimeout as pause } from "node:timers/promises";
import koffi from "koffi";
import type { Address, Handle, Win32 } from "./win32.ts";

/** The same as on other platforms: no workflow has a use for more. */
export const clipboardBytesMax = 1024 * 1024;
const openWithinMs = 2_000;
const retryMs = 10;
const unicodeText = 13;
const movable = 2;
/** A window that is only there to own the clipboard while it is written: no person sees it. */
const messageOnly = -3;
/** Its presence keeps a text out of the clipboard's history and off other devices (G11). */
const notToBeKept = "ExcludeClipboardContentFromMonitorProcessing";

/** Another program keeps the clipboard open. */
export class ClipboardBusy extends Error {
  override readonly name = "ClipboardBusy";
}

export class Clipboard {
  readonly #win32: Win32;

  constructor(win32: Win32) {
    this.#win32 = win32;
  }

  async write(text: string): Promise<void> {
    if (Buffer.byteLength(text) > clipboardBytesMax) throw new RangeError("the text is too large for the clipboard");
    const lines = text.replace(/\r?\n/g, "\r\n");
    // With no window of its own, what is put there would be refused. It goes at once: Windows would send it messages.
    const window = this.#win32.CreateWindowExW(0, "STATIC", null, 0, 0, 0, 0, 0, messageOnly, 0, 0, null);
    if (window === 0) throw new Error("Windows gave no window for the clipboard");
    try {
      await this.#opened(window, () => {
        if (this.#win32.EmptyClipboard() === 0) throw new Error("the clipboard could not be taken over");
        this.#put(unicodeText, Buffer.from(`${lines}\0`, "utf16le"));
        this.#put(this.#win32.RegisterClipboardFormatW(notToBeKept), Buffer.alloc(4));
      });
    } finally {
      this.#win32.DestroyWindow(window);
    }
  }

  read(): Promise<string> {
    return this.#opened(0, () => {
      const memory = this.#win32.GetClipboardData(unicodeText);
      if (memory === 0) return "";
      const at = this.#locked(memory);
      try {
        return this.#text(at, this.#win32.GlobalSize(memory));
      } finally {
        this.#win32.GlobalUnlock(memory);
      }
    });
  }

  /** The text ends at the first NUL; the memory may be larger. */
  #text(at: Address, bytes: number): string {
    const units = koffi.decode(at, koffi.array("uint16_t", Math.floor(bytes / 2))) as Uint16Array;
    const text = Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString("utf16le");
    const end = text.indexOf("\0");
    const lines = (end < 0 ? text : text.slice(0, end)).replaceAll("\r\n", "\n");
    if (Buffer.byteLength(lines) > clipboardBytesMax) throw new RangeError("the text on the clipboard is too large");
    return lines;
  }

  /** Windows owns the memory from when it took it. */
  #put(format: number, bytes: Buffer): void {
    const memory = this.#win32.GlobalAlloc(movable, bytes.length);
    if (memory === 0) throw new Error("Windows gave no memory for the clipboard");
    koffi.encode(this.#locked(memory), koffi.array("uint8_t", bytes.length), bytes);
    this.#win32.GlobalUnlock(memory);
    if (this.#win32.SetClipboardData(format, memory) !== 0) return;
    this.#win32.GlobalFree(memory);
    throw new Error("Windows did not take the text for the clipboard");
  }

  #locked(memory: Handle): Address {
    const at = this.#win32.GlobalLock(memory);
    if (at === null) throw new Error("the memory of the clipboard could not be read");
    return at;
  }

  async #opened<T>(window: Handle, work: () => T): Promise<T> {
    const deadline = performance.now() + openWithinMs;
    while (this.#win32.OpenClipboard(window) === 0) {
      if (performance.now() >= deadline) throw new ClipboardBusy("another program keeps the clipboard open");
      await pause(retryMs);
    }
    try {
      return work();
    } finally {
      this.#win32.CloseClipboard();
    }
  }
}
