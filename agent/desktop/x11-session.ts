// A desktop session of its own: an X server without a screen (Xvfb) and a window manager (openbox), in folders of
// their own. Demo machines and tests run on it; it needs the programs `Xvfb` and `openbox`.
//
// 1. The X server chooses the number of its display itself, so that sessions never clash.
// 2. `stop()` ends exactly the processes that `start` started and removes the folders. Programs that were started on
//    the session lose their X server by that and end.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { Connection } from "./x11/connection.ts";
import { hasWindowManager } from "./x11/windows.ts";

export interface X11SessionOptions {
  readonly width?: number;
  readonly height?: number;
  /** Added to the environment of the session and of its programs; nothing else of this process's is passed on. */
  readonly env?: Record<string, string>;
  /** Where to make the session's folder; by default where temporary files are. */
  readonly within?: string;
}

export interface X11Session {
  /** For example `:3`. */
  readonly display: string;
  /** For programs that are to run on the session. */
  readonly env: Record<string, string>;
  /** The folder that holds everything of the session; gone after `stop`. */
  readonly dir: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;
const stopTimeoutMs = 2_000;
const pollMs = 10;

export async function startX11Session(options: X11SessionOptions = {}): Promise<X11Session> {
  const { width = 1280, height = 800, env: added = {}, within = tmpdir() } = options;
  const dir = mkdtempSync(join(within, "drover-x11-"));
  const started: ChildProcess[] = [];
  // Should this process end without `stop`, nothing is left running behind it (except by kill -9).
  const killAll = () => {
    for (const child of started) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  };
  process.once("exit", killAll);
  const stop = async () => {
    for (const child of started.toReversed()) await end(child);
    process.off("exit", killAll);
    await removeFolder(dir);
  };
  try {
    // A white root: an all-black picture is how a blank screen is told (see `x11/surface.ts`).
    const screen = ["-screen", "0", `${width}x${height}x24`, "-wr"];
    const server = await start(started, "Xvfb", ["-displayfd", "3", ...screen, "-nolisten", "tcp", "-noreset"], added);
    const display = `:${await displayNumber(server)}`;
    const env = { ...added, ...sessionEnvironment(dir, display) };
    const manager = await start(started, "openbox", ["--sm-disable"], env);
    await untilManaged(display, manager);
    return { display, env, dir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function sessionEnvironment(dir: string, display: string): Record<string, string> {
  const folders = { HOME: join(dir, "home"), TMPDIR: join(dir, "tmp"), XDG_RUNTIME_DIR: join(dir, "run") };
  for (const folder of Object.values(folders)) mkdirSync(folder, { mode: 0o700 });
  return {
    ...folders,
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    LANG: "C.UTF-8",
    DISPLAY: display,
    // No session bus: programs that would join a running copy of themselves on the person's own bus start alone.
    DBUS_SESSION_BUS_ADDRESS: "disabled:",
    GTK_A11Y: "none",
    NO_AT_BRIDGE: "1",
    GSETTINGS_BACKEND: "memory",
  };
}

async function start(started: ChildProcess[], program: string, args: string[], env: Record<string, string>) {
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new Error(`cannot start ${program}: is it installed?`, { cause })));
  });
  started.push(child);
  return child;
}

/** Xvfb writes the number and a line feed once it accepts connections. */
function displayNumber(server: ChildProcess): Promise<number> {
  const pipe = server.stdio[3] as Readable;
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error("Xvfb did not start in time")), startTimeoutMs);
    server.once("exit", () => reject(new Error("Xvfb ended at its start")));
    pipe.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!text.endsWith("\n")) return;
      clearTimeout(timer);
      resolve(Number(text));
    });
  });
}

async function untilManaged(display: string, manager: ChildProcess): Promise<void> {
  const connection = new Connection(display);
  try {
    for (const deadline = performance.now() + startTimeoutMs; !hasWindowManager(connection); await pause(pollMs)) {
      if (manager.exitCode !== null) throw new Error("openbox ended at its start");
      if (performance.now() > deadline) throw new Error("openbox did not start in time");
    }
  } finally {
    connection.close();
  }
}

/** Programs that lost their X server may still be saving their settings: until the folder stays away. */
async function removeFolder(dir: string): Promise<void> {
  for (const deadline = performance.now() + stopTimeoutMs; performance.now() < deadline; await pause(100)) {
    if (!existsSync(dir)) return;
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const kill = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  child.kill("SIGTERM");
  await gone;
  clearTimeout(kill);
}
