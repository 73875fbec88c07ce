// Brightness of a frame, one byte a pixel: what finding pictures and reading text work on.

import type { Box, Frame } from "../desktop/desktop.ts";

export interface Grey {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
}

/** The part of `region` that lies on a screen of this size, in whole pixels. */
export function clip(region: Box, width: number, height: number): Box {
  const x = Math.min(width, Math.max(0, Math.floor(region.x)));
  const y = Math.min(height, Math.max(0, Math.floor(region.y)));
  const right = Math.min(width, Math.max(x, Math.ceil(region.x + region.width)));
  const bottom = Math.min(height, Math.max(y, Math.ceil(region.y + region.height)));
  return { x, y, width: right - x, height: bottom - y };
}

/** Brightness of a region of a frame, by the weights of television (Rec. 601) in 256ths. */
export function greyOf(frame: Frame, region: Box = { x: 0, y: 0, width: frame.width, height: frame.height }): Grey {
  const { x, y, width, height } = clip(region, frame.width, frame.height);
  const values = new Uint8Array(width * height);
  for (let row = 0, to = 0; row < height; row++) {
    let from = ((y + row) * frame.width + x) * 4;
    for (let column = 0; column < width; column++, from += 4) {
      values[to++] =
        (77 * (frame.rgba[from] as number) +
          150 * (frame.rgba[from + 1] as number) +
          29 * (frame.rgba[from + 2] as number)) >>
        8;
    }
  }
  return { width, height, values };
}

/** Half the size: each pixel the mean of four. An odd last row or column is left out. */
export function halved(grey: Grey): Grey {
  const width = grey.width >> 1;
  const height = grey.height >> 1;
  const values = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, at = 2 * y * grey.width; x < width; x++, at += 2) {
      const sum =
        (grey.values[at] as number) +
        (grey.values[at + 1] as number) +
        (grey.values[at + grey.width] as number) +
        (grey.values[at + grey.width + 1] as number);
      values[to++] = (sum + 2) >> 2;
    }
  }
  return { width, height, values };
}
