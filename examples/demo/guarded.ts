// What the demo tells its guard (guard.ts), a process that ends what the demo began if the demo itself is killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

/** One thing that must not outlive the demo. */
export type Watched =
  /** A process, and a word of its command line: by then the number may mean another process. */
  | { readonly pid: number; readonly called: string }
  /** The demo's folder, with all processes that carry its mark, and the directory of its embedded Postgres. */
  | { readonly root: string; readonly postgres: string };

/** What Drover's own processes are called. */
export const droverProgram = "drover.ts";

/** In the environment of everything that runs on the demo's desktops: who knows its folder finds it. */
export const markOf = (root: string): Record<string, string> => ({ DROVER_DEMO: root });

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
