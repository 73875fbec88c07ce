// Whole numbers as options. Every numeric option names its range: the wire has its own, and 0 there often means "as usual".

import { InvalidArgumentError } from "commander";

/** What the server can count to: versions are 32-bit there. */
export const versionMax = 2_147_483_647;

/** Reads a whole number from `min` to `max`; for options. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`;
  return (text: string): number => {
    const number = Number(text);
    if (/^-?\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number${range}.`);
  };
}
