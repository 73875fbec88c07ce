// A log in a file, for an agent that has no console: bounded, because nobody looks after it for months.

import { appendFileSync, renameSync, statSync } from "node:fs";
import { WrongSetting } from "./settings.ts";

const BYTES_MAX = 5 * 1024 * 1024;

/** Appends lines. A file that has become too long is put aside as `FILE.1`, in place of the one before. */
export function logFile(path: string, bytesMax = BYTES_MAX): (line: string) => void {
  return (line) => {
    try {
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= bytesMax) renameSync(path, `${path}.1`);
      appendFileSync(path, line, { mode: 0o600 });
    } catch {
      // The line is lost: that is no reason for an agent to end.
    }
  };
}

/** Refuses a file that cannot be written, while there is somebody to tell. */
export function requireLogFile(path: string): void {
  try {
    appendFileSync(path, "", { mode: 0o600 });
  } catch (error) {
    throw new WrongSetting(`--log-file: ${(error as Error).message}`);
  }
}
