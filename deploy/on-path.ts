// Whether a program is on PATH.

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    if (directory === "") return false;
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
