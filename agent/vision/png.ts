// PNG, to and from frames.

import { constants } from "node:zlib";
import { PNG } from "pngjs";
import type { Frame } from "../desktop/desktop.ts";

/** A picture larger than this is no screenshot of one desktop; 64 MiB of pixels. */
export const pixelsMax = 16 * 1024 * 1024;

/** Fast rather than small: level 1 and one filter make a screenshot in about 20 ms. */
export function encodePng(frame: Frame): Uint8Array {
  const { width, height, rgba } = frame;
  if (width * height > pixelsMax) throw new RangeError("the frame is too large to encode");
  const png = new PNG({ width, height });
  png.data = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  // Colour type 2 leaves out the fourth byte, which carries nothing.
  return PNG.sync.write(png, {
    colorType: 2,
    deflateLevel: 1,
    deflateStrategy: constants.Z_DEFAULT_STRATEGY,
    filterType: 0,
  });
}

/** Refuses what is no PNG, and what would not fit in memory, before unpacking it. */
export function decodePng(bytes: Uint8Array): Frame {
  const { width, height } = readSize(bytes);
  if (width === 0 || height === 0 || width * height > pixelsMax) {
    throw new RangeError(`a PNG of ${width} x ${height} pixels is not accepted`);
  }
  const png = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return { width: png.width, height: png.height, rgba: new Uint8Array(png.data) };
}

function readSize(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signed = bytes.length > 24 && view.getUint32(0) === 0x89504e47 && view.getUint32(4) === 0x0d0a1a0a;
  if (!signed) throw new TypeError("this is no PNG");
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
