// The processes of this machine, from /proc, and starting new ones.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { DesktopProcess } from "../desktop.ts";

const pageBytes = 4096;

/** The executable's name: for example `mousepad`. Another user's process shows only its (15 letters of) name. */
export function executableName(pid: number): string {
  if (pid <= 0) return "";
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, "");
  } catch {
    return readProc(pid, "comm").trim();
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}

/**
 * The processes of the desktop on `display`: those that are on no display or on this one. Another display of the same
 * host is another machine. Kernel threads have no memory of their own and are left out.
 */
export function listProcesses(display: string): DesktopProcess[] {
  const processes: DesktopProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const residentPages = Number(readProc(pid, "statm").split(" ")[1] ?? 0);
    if (!(residentPages > 0) || isElsewhere(pid, display)) continue;
    processes.push({ pid, name: executableName(pid), memoryBytes: residentPages * pageBytes });
  }
  return processes;
}

function isElsewhere(pid: number, display: string): boolean {
  const named = readProc(pid, "environ").match(/(?:^|\0)DISPLAY=([^\0]*)/)?.[1];
  // `:7.0` is the first screen of `:7`.
  return named !== undefined && named.replace(/\.\d+$/, "") !== display.replace(/\.\d+$/, "");
}
