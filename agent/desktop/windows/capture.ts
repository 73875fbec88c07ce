// The pixels of all monitors, fetched in process (GDI).

import type { Frame } from "../desktop.ts";
import { virtualScreen } from "./virtual-screen.ts";
import type { Win32 } from "./win32.ts";

/** SRCCOPY, and CAPTUREBLT: windows that are partly transparent belong to the picture. */
const copyWithLayers = 0x40cc0020;
/** BITMAPINFOHEADER. */
const headerBytes = 40;
const bitsPerPixel = 32;

/** Windows gives no picture: the agent may not see the desktop that is shown. */
export class NoPicture extends Error {
  override readonly name = "NoPicture";
}

export function captureScreen(win32: Win32): Frame {
  const { x, y, width, height } = virtualScreen(win32);
  if (width <= 0 || height <= 0) throw new NoPicture("Windows does not tell the size of the screen");
  const screen = win32.GetDC(0);
  const memory = win32.CreateCompatibleDC(screen);
  const bitmap = win32.CreateCompatibleBitmap(screen, width, height);
  try {
    if (screen === 0 || memory === 0 || bitmap === 0) throw new NoPicture("Windows gave no memory for a picture");
    const before = win32.SelectObject(memory, bitmap);
    const copied = win32.BitBlt(memory, 0, 0, width, height, screen, x, y, copyWithLayers);
    // GetDIBits wants the bitmap for itself.
    win32.SelectObject(memory, before);
    const rgba = new Uint8Array(width * height * 4);
    const rows = copied === 0 ? 0 : win32.GetDIBits(memory, bitmap, 0, height, rgba, headerOf(width, height), 0);
    if (rows !== height) throw new NoPicture("Windows gave no picture of the screen");
    swapRedAndBlue(rgba);
    return { width, height, rgba };
  } finally {
    if (bitmap !== 0) win32.DeleteObject(bitmap);
    if (memory !== 0) win32.DeleteDC(memory);
    if (screen !== 0) win32.ReleaseDC(0, screen);
  }
}

/** A negative height: rows from the top. */
function headerOf(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(headerBytes, 0);
  header.writeInt32LE(width, 4);
  header.writeInt32LE(-height, 8);
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(bitsPerPixel, 14);
  return header;
}

/** GDI keeps blue, green, red, (unused) in memory; the unused byte becomes opaque. */
function swapRedAndBlue(bytes: Uint8Array<ArrayBuffer>): void {
  const words = new Uint32Array(bytes.buffer);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as number;
    words[at] = 0xff000000 | (word & 0xff00) | ((word >>> 16) & 0xff) | ((word & 0xff) << 16);
  }
}
