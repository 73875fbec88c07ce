// A picture with two lines of text on it, drawn by ImageMagick.

import { execFileSync } from "node:child_process";

export const wordsInPicture = ["Patient 4711", "Total 408.75"] as const;

export function drawWords(file: string): void {
  const label = `label:${wordsInPicture.join("\\n")}`;
  execFileSync("convert", [
    "-background",
    "white",
    "-fill",
    "black",
    "-font",
    "DejaVu-Sans",
    "-pointsize",
    "24",
    label,
    file,
  ]);
}
