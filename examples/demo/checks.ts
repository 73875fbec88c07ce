// Checks of results outside the screens: bytes on the disk, and arithmetic.

import { readFileSync } from "node:fs";
import type { Outputs } from "../../sdk/index.ts";

export interface Check {
  readonly what: string;
  readonly held: boolean;
}

export type ResultCheck = (outputs: Outputs) => Check;

export function noteSaved(path: string, text: string): ResultCheck {
  const wanted = Buffer.from(text, "utf8");
  return () => ({
    what: `${path} holds the ${wanted.length} bytes of the note, and nothing else`,
    held: contentOf(path)?.equals(wanted) ?? false,
  });
}

export function productRead(left: number, right: number): ResultCheck {
  return ({ product }) => ({
    what: `the product read from the display is ${left} x ${right} = ${left * right}`,
    held: product === left * right,
  });
}

export function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
