// A process of Drover's own, `node drover.ts ...`, as a child of the demo: the server, or the agent of a machine.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { droverProgram, type Guard } from "./guarded.ts";

export interface Child {
  readonly process: ChildProcess;
  /** Resolves with the exit code, and whatever was said on stderr towards the end. */
  readonly ended: Promise<{ readonly code: number | undefined; readonly lastWords: string }>;
  /** SIGTERM, and SIGKILL if that is not enough. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Keeps what it says on stderr. */
  readonly logFile: string;
  readonly guard: Guard;
  onLine?(line: string): void;
}

const drover = resolve(import.meta.dirname, `../../${droverProgram}`);
const stopWithinMs = 15_000;
const lastLines = 5;

export function startChild({ args, env, cwd, logFile, guard, onLine }: ChildOptions): Child {
  // A group of its own: Ctrl-C reaches the demo alone, which ends its children in order.
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", drover, ...args], {
    env,
    cwd,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (child.pid !== undefined) guard.watch({ pid: child.pid, called: droverProgram });
  const log = createWriteStream(logFile, { flags: "a", mode: 0o600 });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.write(`${line}\n`);
    last.push(line);
    if (last.length > lastLines) last.shift();
    onLine?.(line);
  });
  const ended = new Promise<{ code: number | undefined; lastWords: string }>((done) => {
    const end = (code: number | undefined) => log.end(() => done({ code, lastWords: last.join("\n") }));
    child.once("error", () => end(undefined));
    child.once("close", (code) => end(code ?? undefined));
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const kill = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
    child.kill("SIGTERM");
    await gone;
    clearTimeout(kill);
  };
  return { process: child, ended, stop };
}
