// What a process and all that descends from it use, as the kernel counts it (proc(5)).

import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ: 100 on every Linux that Drover runs on

interface Counted {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
}

/** `cpuMs` holds what ended children used too. `pssMb` shares out what several processes map; `rssMb` counts it each time. */
export interface Usage {
  readonly processes: number;
  readonly cpuMs: number;
  readonly rssMb: number;
  readonly pssMb: number;
}

export function usageOf(root: number): Usage {
  const all = readdirSync("/proc").flatMap((entry) => counted(Number(entry)) ?? []);
  const tree = new Set([root]);
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid);
  }
  const mine = all.filter(({ pid }) => tree.has(pid));
  const sum = (field: string) => mine.reduce((kb, { pid }) => kb + kilobytes(pid, field), 0) / 1024;
  return {
    processes: mine.length,
    cpuMs: mine.reduce((ms, { cpuMs }) => ms + cpuMs, 0),
    rssMb: sum("Rss"),
    pssMb: sum("Pss"),
  };
}

function counted(pid: number): Counted | undefined {
  if (!(pid > 0)) return undefined;
  // The name, in brackets, may hold anything; what follows are numbers from the third field on.
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
  if (fields.length < 15) return undefined;
  const ticks = [11, 12, 13, 14].reduce((all, at) => all + Number(fields[at]), 0);
  return { pid, parent: Number(fields[1]), cpuMs: (ticks * 1000) / ticksPerSecond };
}

function kilobytes(pid: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}
