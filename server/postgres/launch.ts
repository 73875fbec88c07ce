// Brings one data directory's server up: adopts the one that runs, or starts one.
//
// 1. A running server is used as it is. A control plane that was killed leaves it running, and two replicas on one host
//    share it.
// 2. Of two processes that start at once, Postgres's own lock lets one through; the other then adopts.
// 3. A server that was killed leaves lock files and, for a moment, workers. Starting is retried while they are the reason.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { spawnIdentity } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { acceptsConnections, clearDeadServer, livingServer } from "./lock-file.ts";
import type { Place } from "./place.ts";
import { serverEnvironment } from "./server-environment.ts";

export interface LaunchOptions {
  place: Place;
  binaries: Binaries;
  settings: Record<string, string>;
  log: (line: string) => void;
}

export interface RunningServer {
  pid: number;
  adopted: boolean;
  socketDirectory: string;
}

const retryForMs = 10_000;
const pollMs = 20;
/** Recovery after a crash reads the log since the last checkpoint; it is reported at this interval and not cut short. */
const reportEveryMs = 10_000;
/** No server that lives takes longer; then a person has to look. */
const startForMs = 600_000;
const logBytesMax = 10_000_000;

const settingsAlways: Record<string, string> = {
  listen_addresses: "",
  port: "5432",
  unix_socket_permissions: "0700",
  shared_buffers: "128MB",
  max_connections: "100",
  // Statements and values are people's data and stay out of the log (G11).
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
};

export async function launchOrAdopt(options: LaunchOptions): Promise<RunningServer> {
  const { place, log } = options;
  const begun = Date.now();
  for (;;) {
    const running = livingServer(place.data);
    if (running !== undefined) {
      const ready = await untilReady(place, undefined, log);
      if (ready !== undefined) return { ...ready, adopted: true };
      continue;
    }
    const started = await startServer(options);
    if ("pid" in started) return started;
    const mayPass = /lock file|shared memory block|already in use/i.test(started.said);
    if (!mayPass || Date.now() - begun > retryForMs) {
      throw new Error(
        `Postgres does not start (${started.ended}). The end of its log, ${place.log}:\n${started.said.trim()}`,
      );
    }
    if (livingServer(place.data) === undefined)
      log("a killed Postgres left its lock behind; removing it and trying again");
    clearDeadServer(place.data, place.socketDirectory);
    await delay(pollMs * 5);
  }
}

async function startServer(options: LaunchOptions): Promise<RunningServer | { ended: string; said: string }> {
  const { place, binaries, settings, log } = options;
  rotateLog(place.log);
  const output = openSync(place.log, "a", 0o600);
  const logStart = fstatSync(output).size;
  const all = { ...settingsAlways, unix_socket_directories: quoteInList(place.socketDirectory), ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(binaries.postgres, ["-D", place.data, ...flags], {
    ...spawnIdentity(place.account),
    cwd: "/",
    env: serverEnvironment(),
    // Its own session: Ctrl-C in the terminal and the end of this process are none of its business.
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  child.unref();
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = signal === null ? `exit code ${code}` : signal;
  });
  const ready = await untilReady(place, child, log);
  if (ready !== undefined) return { ...ready, adopted: ready.pid !== child.pid };
  return { ended: ended ?? "ended", said: readFileSync(place.log).subarray(logStart).toString("utf8").slice(-4000) };
}

/** Undefined: the server that was waited for has ended. */
async function untilReady(
  place: Place,
  child: ChildProcess | undefined,
  log: (line: string) => void,
): Promise<{ pid: number; socketDirectory: string } | undefined> {
  let nextReport = Date.now() + reportEveryMs;
  const giveUp = Date.now() + startForMs;
  let failed = false;
  child?.once("error", () => {
    failed = true;
  });
  while (Date.now() < giveUp) {
    const server = livingServer(place.data);
    if (server?.status === "ready" && (await acceptsConnections(server.socketDirectory))) {
      return { pid: server.pid, socketDirectory: server.socketDirectory };
    }
    const childEnded = child === undefined || failed || child.exitCode !== null || child.signalCode !== null;
    if (server === undefined && childEnded) return undefined;
    // Ours lost against another server: the caller looks again and adopts that one.
    if (child !== undefined && childEnded) return undefined;
    if (Date.now() > nextReport) {
      nextReport += reportEveryMs;
      log(`Postgres in ${place.home} is ${server?.status || "starting"}; waiting until it is ready`);
    }
    await delay(pollMs);
  }
  throw new Error(
    `Postgres in ${place.home} was not ready after ${startForMs / 60_000} minutes. Its log: ${place.log}`,
  );
}

function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) renameSync(path, `${path}.1`);
}

/** unix_socket_directories is a list: a comma or a blank in the path would begin another entry. */
function quoteInList(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
