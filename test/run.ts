// Runs the tests: node test/run.ts [--long] [path ...]
//
// Without a path, all of them. `*.long.test.ts` are left out unless --long is given or one is named by its full path.
// It starts one Postgres for all test files and stops it at the end, and the run fails if a process that it began is
// still there afterwards: everything a test starts inherits DROVER_TEST_RUN.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { removeEmbeddedPostgres, startEmbeddedPostgres } from "../server/postgres/embedded.ts";
import { leftoverProcesses } from "./support/leftovers.ts";

const root = resolve(import.meta.dirname, "..");
const run = randomUUID();
const settings = { fsync: "off", synchronous_commit: "off", max_connections: "300" };

function testFiles(args: string[]): string[] {
  const long = args.includes("--long");
  const filters = args.filter((arg) => !arg.startsWith("--")).map((arg) => relative(root, resolve(arg)));
  return globSync("test/**/*.test.ts", { cwd: root }).filter((file) => {
    if (filters.includes(file)) return true;
    if (file.endsWith(".long.test.ts") && !long) return false;
    return filters.length === 0 || filters.some((filter) => file.startsWith(filter));
  });
}

function runTests(files: string[], databaseUrl: string, stopping: AbortSignal): Promise<number> {
  const flags = ["--disable-warning=ExperimentalWarning", "--test", `--test-concurrency=${availableParallelism()}`];
  return new Promise((done) => {
    const child = spawn(process.execPath, [...flags, "--test-reporter=spec", ...files], {
      cwd: root,
      env: { ...process.env, DROVER_TEST_RUN: run, DROVER_TEST_DATABASE_URL: databaseUrl },
      stdio: "inherit",
    });
    stopping.addEventListener("abort", () => child.kill("SIGTERM"));
    child.once("error", (error) => {
      console.error(`The tests could not be started: ${error.message}`);
      done(1);
    });
    child.once("exit", (code) => done(code ?? 1));
  });
}

/** True if everything that this run began has ended; what has not is named and killed. */
async function endedClean(stopped: boolean): Promise<boolean> {
  // A process that was told to end may still be doing so.
  const deadline = Date.now() + 3_000;
  while (leftoverProcesses(run).length > 0 && Date.now() < deadline) await delay(50);
  const left = leftoverProcesses(run);
  if (left.length === 0) return true;
  if (!stopped) console.error("The tests left processes behind:");
  for (const { pid, command } of left) {
    if (!stopped) console.error(`  ${pid}  ${command}`);
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Ended in the meantime.
    }
  }
  return stopped;
}

const files = testFiles(process.argv.slice(2));
if (files.length === 0) {
  console.error(`No test file matches ${process.argv.slice(2).join(" ") || "test/**/*.test.ts"}.`);
  process.exit(1);
}

// A signal ends the tests; this process then tidies up and ends by itself.
const stopping = new AbortController();
let signalled: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    signalled = signal;
    stopping.abort();
  });
}

process.env["DROVER_TEST_RUN"] = run;
const directory = mkdtempSync(join(tmpdir(), "drover-test-run-"));
// Postgres's account passes through it when the tests run as root.
chmodSync(directory, 0o711);
const home = join(directory, "postgres");
let exitCode = 1;
try {
  const server = await startEmbeddedPostgres({ dir: home, settings });
  if (!stopping.signal.aborted) exitCode = await runTests(files, server.url, stopping.signal);
} catch (error) {
  console.error((error as Error).message);
} finally {
  await removeEmbeddedPostgres(home);
  rmSync(directory, { recursive: true, force: true });
}
const clean = await endedClean(signalled !== undefined);
process.exit(signalled === "SIGINT" ? 130 : signalled !== undefined ? 143 : clean ? exitCode : exitCode || 1);
