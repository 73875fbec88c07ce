// What the demo tells its guard (guard.ts), a process that ends what the demo began if the demo itself is killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** One thing that must not outlive the demo. */
export type Watched =
  /** A process, and a word of its command line: by then the number may mean another process. */
  | { readonly pid: number; readonly called: string }
  /** The folder of a desktop session. */
  | { readonly dir: string }
  /** The demo's folder, and the directory of its embedded Postgres. */
  | { readonly root: string; readonly postgres: string };

/** What Drover's own processes are called. */
export const droverProgram = "drover.ts";

export interface Guard {
  watch(what: Watched): void;
  /** Everything has been ended in good order. */
  dismiss(): Promise<void>;
}

export function startGuard(): Guard {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", resolve(import.meta.dirname, "guard.ts")],
    { detached: true, stdio: ["pipe", "ignore", "ignore"] },
  );
  child.stdin.on("error", () => undefined);
  const say = (line: Watched | "done") => child.stdin.write(`${JSON.stringify(line)}\n`);
  return {
    watch: (what) => void say(what),
    async dismiss() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      say("done");
      child.stdin.end();
      await gone;
    },
  };
}

const sessionPrograms = ["Xvfb", "openbox"];

/** The programs of all desktop sessions that this process has started. */
export function sessionProcesses(): Watched[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!(pid > 0)) return [];
    const [, called = "", parent] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(statOf(pid)) ?? [];
    return Number(parent) === process.pid && sessionPrograms.includes(called) ? [{ pid, called }] : [];
  });
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return "";
  }
}
