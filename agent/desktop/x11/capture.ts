// The screen's pixels, fetched in process.

import koffi from "koffi";
import type { Frame } from "../desktop.ts";
import { type Connection, copyBytes } from "./connection.ts";

const allPlanes = 0xffffffff;
const zPixmap = 2;

export function captureScreen(connection: Connection): Frame {
  connection.alive();
  const { x, display, root } = connection;
  // Asked every time: a session may be resized while the agent runs.
  const size = connection.attributes(root);
  connection.alive();
  if (!size) throw new Error("the X server does not tell the size of the screen");
  const { width, height } = size;
  const image = x.XGetImage(display, root, 0, 0, width, height, allPlanes, zPixmap);
  connection.alive();
  if (image === null) throw new Error("the X server gave no picture of the screen");
  try {
    // XImage: int width, height, xoffset, format; char *data; int byte_order, unit, bit_order, pad, depth, stride, bpp.
    const stride = koffi.decode(image, 44, "int") as number;
    const bitsPerPixel = koffi.decode(image, 48, "int") as number;
    const pixels = koffi.decode(image, 16, "void *") as bigint;
    if (bitsPerPixel !== 32 || stride !== width * 4) throw new Error("the X server does not use 32 bits per pixel");
    const rgba = copyBytes(x, pixels, stride * height);
    swapRedAndBlue(rgba);
    return { width, height, rgba };
  } finally {
    x.XDestroyImage(image);
  }
}

/** X keeps blue, green, red, (unused) in memory; the unused byte becomes opaque. */
function swapRedAndBlue(bytes: Uint8Array<ArrayBuffer>): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as number;
    words[at] = 0xff000000 | (word & 0xff00) | ((word >>> 16) & 0xff) | ((word & 0xff) << 16);
  }
}
