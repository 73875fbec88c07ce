// The two files that screenshot-desktop runs on Windows. From its package it copies them to the folder below; an
// executable has no package, and puts them there before the library looks.

import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assetBytes, isExecutable, SCREEN_CAPTURE_ASSETS } from "./assets.ts";
import { placeFile } from "./extraction.ts";

/** Where they cannot be written, the library fails, and the desktop takes its pictures in another way. */
export function placeScreenCapture(): void {
  if (!isExecutable || process.platform !== "win32") return;
  const folder = join(tmpdir(), "screenCapture");
  try {
    mkdirSync(folder, { recursive: true });
    for (const name of SCREEN_CAPTURE_ASSETS) placeFile(folder, name, assetBytes(name));
  } catch {
    // As said above.
  }
}
