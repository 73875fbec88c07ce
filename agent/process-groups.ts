// Programs that `exec` started: each in a process group of its own, ended with the command or the lease. They are known to
// the supervisor, so that they do not outlive an agent that was killed: by what the agent told of them, and, since an agent
// can be killed before it tells, by a mark in their environment, which what they start inherits.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";

export interface StartedProgram {
  readonly pid: number;
  readonly stdout: Readable;
  /** Exit status; 128 + the signal's number is not used: a killed program has none. */
  readonly ended: Promise<number | undefined>;
}

/** What programs see of the agent's environment: enough to find their display and their language, no more. */
const ENVIRONMENT = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "DISPLAY", "XAUTHORITY", "TMPDIR"];

/** In the agent's environment: which supervised life this is. In that of `exec`'s programs: whose they are. */
export const LIFE_VARIABLE = "DROVER_LIFE";
const MARK_VARIABLE = "DROVER_EXEC_OF";

export class ProcessGroups {
  readonly #living = new Set<number>();
  readonly #told: (pid: number, alive: boolean) => void;
  readonly #display: string | undefined;

  /** `told` hears of every group that begins and ends. */
  constructor(told: (pid: number, alive: boolean) => void = () => {}, display?: string) {
    this.#told = told;
    this.#display = display;
  }

  /** Starts a program without a shell, without input, in a new process group. Rejects when it cannot be started. */
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

  /** Ends a group, its leader's children included. */
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

/** SIGKILL to a whole process group; one that is gone already is fine. */
export function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // No such group any more.
  }
}

/** SIGKILL to every process that carries the mark of this life. Nothing where there is no /proc. */
export function endMarked(life: string): void {
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
