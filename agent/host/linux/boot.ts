// Which boot of which system this is.

import { readFileSync } from "node:fs";
import { release, type } from "node:os";

/** Changes when the machine boots. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

export function operatingSystem(): string {
  try {
    const said = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
    if (said !== undefined) return said;
  } catch {
    // Not every system has the file.
  }
  return `${type()} ${release()}`;
}
