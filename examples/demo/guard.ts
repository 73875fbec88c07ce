// The demo's guard: a process of its own that hears on its stdin what the demo begins. When the demo is gone without a
// word (kill -9, a crash), it ends all of it and removes what it left. It must live until then whatever comes: below it
// hears first, so functions are declarations and not constants.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { removeEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { markOf, type Watched } from "./guarded.ts";

const endWithinMs = 10_000;

const watched: Watched[] = [];
let done = false;
// Whatever ends the demo's terminal must not end its guard.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line) as Watched | "done";
  if (said === "done") done = true;
  else watched.push(said);
}
if (!done) await clean();

async function clean(): Promise<void> {
  // Agents and server first: they are to find their desktops and their database while they end. A number that means
  // another process by now is left alone.
  const own = watched.flatMap((each) => ("pid" in each ? [each] : []));
  await endAll(() => own.filter(({ pid, called }) => read(pid, "cmdline").includes(called)).map(({ pid }) => pid));
  for (const each of watched) {
    if (!("root" in each)) continue;
    await endAll(() => marked(each.root));
    await removeEmbeddedPostgres(each.postgres).catch(() => undefined);
    rmSync(each.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Desktops and what runs on them: X servers, window managers, Wine's servers and services, applications. */
function marked(root: string): number[] {
  const [[name, value] = []] = Object.entries(markOf(root));
  const processes = readdirSync("/proc").map(Number);
  return processes.filter((pid) => pid > 0 && `\0${read(pid, "environ")}`.includes(`\0${name}=${value}\0`));
}

/** SIGTERM to all of them, and SIGKILL to those that do not go, until none is left. */
async function endAll(living: () => readonly number[]): Promise<void> {
  for (const pid of living()) kill(pid, "SIGTERM");
  for (const deadline = Date.now() + endWithinMs; living().length > 0 && Date.now() < deadline; ) await delay(50);
  for (const pid of living()) kill(pid, "SIGKILL");
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

function read(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
