// Keeps one agent process alive: starts it, starts it again when it dies, passes signals on, and ends the process groups
// that it left behind. A new incarnation is up well within 3 s of a kill (G1: a proven newer incarnation ends the wait).
//
// 1. An agent that was asked to stop says so by its exit status, and exit 2 is a wrong setting or a second agent: neither is
//    tried again.
// 2. The first restart comes at once; each one after a short life waits twice as long, up to 10 s.
// 3. A release on trial is given up when it has not attached in time, or has ended twice before that, however it did
//    (`update/trial.ts`).
// 4. An agent whose supervisor dies stops by itself (its IPC channel closes): there are never two.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { LIFE_VARIABLE } from "./host/host.ts";
import { thisHost } from "./host/this-host.ts";
import type { AgentLog } from "./log.ts";
import { EXIT_LOCKED, EXIT_REPLACE, EXIT_STOPPED } from "./update/news.ts";
import type { NextProgram, Succession } from "./update/succession.ts";

/** What the agent process tells its supervisor. */
export interface GroupNews {
  readonly group: number;
  readonly alive: boolean;
}

export interface SuperviseOptions {
  /** The agent's executable and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly log: AgentLog;
  /** Which executable takes the place of the command's own; by default none does. */
  readonly succession?: Succession;
  /** The agent gets no console and no output: there is none to share. */
  readonly background?: boolean;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
  /** A life this long starts the delays over. */
  readonly resetAfterMs?: number;
}

export interface Supervisor {
  /** The living agent process, if there is one at this moment. */
  readonly pid: number | undefined;
  /** Passes a signal on; after SIGTERM or SIGINT there is no restart. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit status for the whole program. */
  readonly done: Promise<number>;
}

const EXIT_WRONG_SETTING = 2;
const STOP_WITHIN_MS = 2000;
/** How long what a dead agent has told may take to be read. */
const CLOSE_WITHIN_MS = 1000;
/** In first delays. A virus scanner keeps a new program from starting for about that long. */
const TRIAL_PAUSE = 20;

/** How long to wait before the next start, given how many short lives came before. Pure. */
export function restartDelayMs(shortLives: number, firstMs: number, longestMs: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(shortLives, 30));
}

export function superviseAgent(options: SuperviseOptions): Supervisor {
  const { command, log, succession, background = false } = options;
  const { firstDelayMs = 100, longestDelayMs = 10_000, resetAfterMs = 30_000 } = options;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;

  const supervise = async (): Promise<number> => {
    for (let shortLives = 0; ; ) {
      const program = await succession?.next();
      if (stopping.signal.aborted) return 0;
      const began = performance.now();
      const exit = await oneLife(program);
      child = undefined;
      if (exit === EXIT_LOCKED) return EXIT_WRONG_SETTING;
      if (exit === EXIT_STOPPED && !succession?.onTrial) return 0;
      if (exit === EXIT_WRONG_SETTING && !succession?.onTrial) return exit;
      if (stopping.signal.aborted) return 0;
      const livedMs = performance.now() - began;
      succession?.died(livedMs);
      if (livedMs >= resetAfterMs) shortLives = 0;
      // A second try of a release on trial is worth more when what hindered the first one has had time to pass.
      const firstOrNext = exit === EXIT_REPLACE ? 0 : TRIAL_PAUSE * firstDelayMs;
      const delayMs = succession?.onTrial ? firstOrNext : restartDelayMs(shortLives, firstDelayMs, longestDelayMs);
      shortLives++;
      if (exit === EXIT_REPLACE) log.info("the agent ended to be replaced", { delayMs });
      else log.error("the agent died; starting it again", { exit: `${exit ?? "killed"}`, delayMs });
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return 0;
    }
  };

  const oneLife = async ({ path, trialMs }: Partial<NextProgram> = {}): Promise<number | undefined> => {
    try {
      const life = start(inPlaceOf(command, path), background, (message) => succession?.heard(message));
      child = life.child;
      if (trialMs === undefined) return await life.ended;
      const trial = setTimeout(() => succession?.timeOver() && life.child.kill("SIGKILL"), trialMs);
      return await life.ended.finally(() => clearTimeout(trial));
    } catch (error) {
      // A file that the system cannot start is told of by an event, or is thrown: it depends on what is wrong with it.
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (syscall === undefined) throw error;
      log.error("the agent's program cannot be started", { code: code ?? "unknown" });
      return undefined;
    }
  };

  return {
    get pid() {
      return child?.pid;
    },
    signal(signal) {
      if (signal !== "SIGTERM" && signal !== "SIGINT") return void child?.kill(signal);
      if (child !== undefined) thisHost.askToStop(child, signal);
      stopping.abort();
      const last = child;
      setTimeout(() => last?.kill("SIGKILL"), STOP_WITHIN_MS).unref();
    },
    done: supervise(),
  };
}

type Command = SuperviseOptions["command"];

const inPlaceOf = ([executable, ...programArguments]: Command, path: string | undefined): Command => [
  path ?? executable,
  ...programArguments,
];

/** One life of the agent: its process, and its exit status once its groups are ended too. */
function start([executable, ...programArguments]: Command, background: boolean, heard: (message: unknown) => void) {
  const life = randomUUID();
  const env = { ...process.env, [LIFE_VARIABLE]: life };
  const output = background ? "ignore" : "inherit";
  const stdio = [output, output, output, "ipc"] as const;
  const child = spawn(executable, programArguments, { env, stdio: [...stdio], windowsHide: background });
  const groups = new Set<number>();
  child.on("message", (news: GroupNews) => {
    if (typeof news?.group !== "number") return heard(news);
    if (news.alive) groups.add(news.group);
    else groups.delete(news.group);
  });
  const ended = new Promise<number | undefined>((resolve) => {
    child.once("error", () => resolve(undefined));
    // `close` and not `exit`: what the agent told last is read before. But a process that it left behind may hold its
    // channel open for ever.
    child.once("exit", (code) => {
      const over = () => {
        clearTimeout(waiting);
        if (child.connected) child.disconnect();
        thisHost.endLeftBehind(groups, life);
        resolve(code ?? undefined);
      };
      const waiting = setTimeout(over, CLOSE_WITHIN_MS);
      child.once("close", over);
    });
  });
  return { child, ended };
}
