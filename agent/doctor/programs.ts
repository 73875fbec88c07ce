// Where programs are found that are named without a path.

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

const suffixes = process.platform === "win32" ? ["", ".exe"] : [""];

/** Whether a file is there and may be run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isOnPath(name: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => suffixes.some((suffix) => isProgram(join(folder, name + suffix))));
}
