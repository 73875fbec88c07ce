// Reads the lock file that a running server keeps in its data directory (postmaster.pid), and tells a living server from
// a dead one's leavings.
//
// Postgres itself only asks whether the process id in the file is in use. That is wrong in two cases which kill -9 and
// restarts bring about: a server that is dead but not yet reaped (a zombie, for ever under a careless container init), and
// an id that another program got after a reboot. A server's processes all have its data directory as their working
// directory, which on Linux settles both.

import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { socketFileName } from "./place.ts";

export interface LockFile {
  pid: number;
  socketDirectory: string;
  /** "starting", "stopping", "ready" or "standby". */
  status: string;
}

export function readLockFile(data: string): LockFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return { pid, socketDirectory: lines[4] ?? "", status: (lines[7] ?? "").trim() };
}

/** The server that holds this data directory, in whatever state it is; undefined if none lives. */
export function livingServer(data: string): LockFile | undefined {
  const lock = readLockFile(data);
  return lock !== undefined && isRunning(lock.pid) && worksIn(lock.pid, data) ? lock : undefined;
}

export function acceptsConnections(socketDirectory: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(socketDirectory, socketFileName));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true)).once("error", () => settle(false));
  });
}

/** False for a zombie: it holds no file and no lock. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const stat = readProcess(pid, "stat");
  if (stat === undefined) return process.platform !== "linux";
  // The name, in parentheses, may itself hold anything; the state follows the last one.
  return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/**
 * Ends what a killed server left in this data directory, then removes its lock files, so that a new one can start.
 * It is for use after Postgres refused to start because of them. Does nothing while a server lives.
 */
export function clearDeadServer(data: string, socketDirectory: string): void {
  if (process.platform !== "linux" || livingServer(data) !== undefined) return;
  const before = readLockFile(data);
  const workers = serverProcesses(data);
  // Its workers may go on for as long as their query takes. The new server recovers from its log in any case.
  for (const pid of workers) if (!workers.includes(parentOf(pid) ?? 0) && isWorker(pid)) kill(pid);
  if (before === undefined || serverProcesses(data).length > 0) return;
  // Read again: another process may have started a server since.
  if (livingServer(data) !== undefined || readLockFile(data)?.pid !== before.pid) return;
  rmSync(join(data, "postmaster.pid"), { force: true });
  rmSync(join(socketDirectory, `${socketFileName}.lock`), { force: true });
}

function serverProcesses(data: string): number[] {
  const pids = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1);
  return pids.filter(
    (pid) => /^\d+ \(postgres\)/.test(readProcess(pid, "stat") ?? "") && worksIn(pid, data) && isRunning(pid),
  );
}

/** Workers rename themselves "postgres: ..."; the server itself keeps the command line it was started with. */
function isWorker(pid: number): boolean {
  return readProcess(pid, "cmdline")?.startsWith("postgres: ") === true;
}

function worksIn(pid: number, data: string): boolean {
  if (process.platform !== "linux") return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch (error) {
    // Another user's process cannot be looked into; believe the lock file then.
    return (error as NodeJS.ErrnoException).code === "EACCES";
  }
}

function parentOf(pid: number): number | undefined {
  const stat = readProcess(pid, "stat");
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function readProcess(pid: number, file: "stat" | "cmdline"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
