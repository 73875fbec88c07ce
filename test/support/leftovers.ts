// Finds what a test run left running: processes whose environment names the run, and their descendants (some programs,
// Postgres's and Chromium's workers among them, overwrite their environment with their title).

import { readdirSync, readFileSync } from "node:fs";

export interface LeftoverProcess {
  pid: number;
  command: string;
}

/** Empty where there is no /proc. This process is not counted. */
export function leftoverProcesses(run: string): LeftoverProcess[] {
  const pids = processIds();
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]));
  const found = new Set(pids.filter((pid) => read(pid, "environ").split("\0").includes(`DROVER_TEST_RUN=${run}`)));
  found.delete(process.pid);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  const all = [...found].map((pid) => ({ pid, command: read(pid, "cmdline").replaceAll("\0", " ").trim() }));
  // A zombie has ended and has no command line.
  return all.filter(({ command }) => command !== "");
}

function processIds(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function parentOf(pid: number): number {
  const stat = read(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function read(pid: number, file: "environ" | "cmdline" | "stat"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
