// Programs that `exec` started: each in a process group of its own, ended with the command or the lease. They are known to
// the supervisor, so that they do not outlive an agent that was killed: by what the agent told of them, and, since an agent
// can be killed before it tells, by a mark in their environment, which what they start inherits.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { type GroupListener, LIFE_VARIABLE, type ProcessGroups, type StartedProgram } from "../host.ts";

/** What programs see of the agent's environment: enough to find their display and their language, no more. */
const ENVIRONMENT = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "DISPLAY", "XAUTHORITY", "TMPDIR"];

/** In the environment of `exec`'s programs: whose they are. */
const MARK_VARIABLE = "DROVER_EXEC_OF";

/** A program may still be starting when its agent dies, and gets its environment a moment later. */
const LATE_STARTS_MS = [50, 500];

export class LinuxProcessGroups implements ProcessGroups {
  readonly #living = new Set<number>();
  readonly #told: GroupListener;
  readonly #display: string | undefined;

  constructor(told: GroupListener = () => {}, display?: string) {
    this.#told = told;
    this.#display = display;
  }

  async start(path: string, programArguments: readonly string[]): Promise<StartedProgram> {
    const child: ChildProcessByStdio<null, Readable, null> = spawn(path, programArguments, {
      detached: true,
      shell: false,
      stdio: ["ignore", "pipe", "ignore"],
      env: this.#environment(),
    });
    await once(child, "spawn");
    const pid = child.pid as number;
    this.#living.add(pid);
    this.#told(pid, true);
    const ended = new Promise<number | undefined>((resolve) => {
      child.once("exit", (code) => resolve(code ?? undefined));
    });
    return { pid, stdout: child.stdout, ended };
  }

  end(pid: number): void {
    if (!this.#living.delete(pid)) return;
    endGroup(pid);
    this.#told(pid, false);
  }

  endAll(): void {
    for (const pid of [...this.#living]) this.end(pid);
  }

  #environment(): Record<string, string> {
    const shown = ENVIRONMENT.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const life = process.env[LIFE_VARIABLE];
    return {
      ...Object.fromEntries(shown),
      ...(this.#display !== undefined && { DISPLAY: this.#display }),
      ...(life !== undefined && { [MARK_VARIABLE]: life }),
    };
  }
}

export function endLeftBehind(groups: Iterable<number>, life: string): void {
  for (const group of groups) endGroup(group);
  endMarked(life);
  for (const laterMs of LATE_STARTS_MS) setTimeout(endMarked, laterMs, life);
}

/** SIGKILL to a whole process group; one that is gone already is fine. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // No such group any more.
  }
}

/** SIGKILL to every process that carries the mark of this life. Nothing where there is no /proc. */
function endMarked(life: string): void {
  const mark = `${MARK_VARIABLE}=${life}`;
  for (const pid of processIds()) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark)) process.kill(pid, "SIGKILL");
    } catch {
      // Ended meanwhile, or somebody else's.
    }
  }
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
