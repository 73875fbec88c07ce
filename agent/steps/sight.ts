// What steps need to see: pictures and texts found on a frame. The real one is made of `agent/vision`; a simulated
// desktop brings its own, because it draws nothing.

import type { Box, Frame } from "../desktop/desktop.ts";

/** Something found on a frame. */
export interface Seen {
  readonly box: Box;
  /** How sure, 0 to 1. */
  readonly score: number;
}

export type Sighting =
  | { readonly is: "missing"; readonly bestScore: number }
  | { readonly is: "found"; readonly seen: Seen }
  /** Several that cannot be told apart; one of them is given, for conditions that ask only whether there is any. */
  | { readonly is: "ambiguous"; readonly seen: Seen };

/** Text that was read from a frame. */
export interface TextOnFrame {
  readonly text: string;
  find(wanted: string): Sighting;
}

export interface Sight {
  /** `region` is in the frame's pixels, and so are the answers. */
  findImage(frame: Frame, png: Uint8Array, threshold: number, region: Box | undefined): Promise<Sighting>;
  readText(frame: Frame, region: Box | undefined): Promise<TextOnFrame>;
  /** A frame as a file. */
  encode(frame: Frame): Promise<{ contentType: string; bytes: Uint8Array }>;
  stop(): Promise<void>;
}
