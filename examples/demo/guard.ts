// The demo's guard: a process of its own that hears on its stdin what the demo begins. When the demo is gone without a
// word (kill -9, a crash), it ends all of it and removes what it left. It must live until then whatever comes: below it
// hears first, so functions are declarations and not constants.

import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { removeEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { droverProgram, type Watched } from "./guarded.ts";

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
  const processes = watched.flatMap((each) => ("pid" in each ? [each] : []));
  // Agents and server first: they are to find their desktops and their database while they end.
  await endAll(processes.filter(({ called }) => called === droverProgram));
  await endAll(processes);
  for (const each of watched) {
    if ("dir" in each) remove(each.dir);
    if (!("root" in each)) continue;
    await removeEmbeddedPostgres(each.postgres).catch(() => undefined);
    remove(each.root);
  }
}

function remove(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** SIGTERM to all of them, and SIGKILL to those that do not go. A number that means another process by now is left alone. */
async function endAll(processes: readonly { pid: number; called: string }[]): Promise<void> {
  const living = () => processes.filter(({ pid, called }) => read(`/proc/${pid}/cmdline`).includes(called));
  for (const { pid } of living()) kill(pid, "SIGTERM");
  for (const deadline = Date.now() + endWithinMs; living().length > 0 && Date.now() < deadline; ) await delay(50);
  for (const { pid } of living()) kill(pid, "SIGKILL");
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
