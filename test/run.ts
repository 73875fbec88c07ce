// Runs the tests: node test/run.ts [--long] [--yes] [path ...]
//
// Without a path, all of them. `*.long.test.ts` are left out unless --long is given or one is named by its full path.
// System packages that are missing are installed if --yes or CI=true agrees; else it says what to run, and ends with 2.
// It starts one Postgres for all test files and stops it at the end, and the run fails if a process that it began is
// still there afterwards: everything a test starts inherits DROVER_TEST_RUN.
//
// The system tests come after the others: each has several desktops and servers of its own, and mostly waits. Those that keep
// a processor busy, or have deadlines that a busy one would break, and the tests of faults, come last and one file after the
// other.

import { randomUUID } from "node:crypto";
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { run as runFiles } from "node:test";
import { spec } from "node:test/reporters";
import { setTimeout as delay } from "node:timers/promises";
import { ensureSystemPackages } from "../deploy/system-packages.ts";
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

/** False when something is missing and nobody agreed to install it. Who names files is only told. */
async function havePackages(args: string[]): Promise<boolean> {
  const answer = await ensureSystemPackages("tests", { yes: args.includes("--yes") });
  if (answer.state === "present" || answer.state === "installed") return true;
  console.error(`${answer.packages.join(" ")}: ${answer.reason}`);
  if (answer.state === "missing") for (const command of answer.commands) console.error(`  ${command}`);
  return args.some((arg) => !arg.startsWith("--"));
}

/** Those that take longest begin first: then nothing long is left over at the end, with the other processors idle. */
const longest = [
  ...["examples/demo", "sdk/commands", "agent/desktop/windows-executable", "server/postgres/embedded"],
  ...["agent/doctor/broken-desktops", "simulation/", "server/api/store", "agent/host/windows"],
  ...["system/windows", "system/actions", "system/replicas", "system/server-killed", "system/settled"],
].map((name) => `test/${name}`);

function longestFirst(files: readonly string[]): string[] {
  const place = (file: string) => {
    const at = longest.findIndex((name) => file.startsWith(name));
    return at < 0 ? longest.length : at;
  };
  return files.toSorted((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

interface Batch {
  readonly files: string[];
  readonly atOnce: number;
}

function batchesOf(files: readonly string[]): Batch[] {
  const isAlone = (file: string) =>
    /^test\/(faults\/|system\/(agent-killed|fleet|halted-fleet|interrupting-window)\.)/.test(file);
  const isSystem = (file: string) => file.startsWith("test/system/") && !isAlone(file);
  const batches = [
    // One more than there are processors: each waits at times for a process or a desktop.
    { files: files.filter((file) => !isSystem(file) && !isAlone(file)), atOnce: availableParallelism() + 1 },
    { files: files.filter(isSystem), atOnce: 3 },
    { files: files.filter(isAlone), atOnce: 1 },
  ];
  return batches.filter((batch) => batch.files.length > 0);
}

interface FileTime {
  readonly file: string;
  readonly ms: number;
}

/** True if all of them passed. Adds how long each took to `times`. */
async function runTests({ files, atOnce }: Batch, times: FileTime[], signal: AbortSignal): Promise<boolean> {
  const events = runFiles({
    files: longestFirst(files).map((file) => join(root, file)),
    concurrency: atOnce,
    // A file that does not end fails, instead of keeping all the others.
    timeout: (args.includes("--long") ? 30 : 5) * 60_000,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    signal,
  });
  let passed = false;
  events.on("test:summary", ({ file, success, duration_ms: ms }) => {
    if (file === undefined) passed = success;
    else times.push({ file: relative(root, file), ms });
  });
  const shown = events.compose(new spec());
  for await (const text of shown) process.stdout.write(text);
  return passed;
}

const slowestShown = 5;

function tellSlowest(times: readonly FileTime[]): void {
  console.log("The slowest files:");
  for (const { file, ms } of times.toSorted((a, b) => b.ms - a.ms).slice(0, slowestShown)) {
    console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`);
  }
  console.log(`All in all ${(performance.now() / 1000).toFixed(0)} s.`);
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

const args = process.argv.slice(2);
const files = testFiles(args);
if (files.length === 0) {
  console.error(`No test file matches ${args.join(" ") || "test/**/*.test.ts"}.`);
  process.exit(1);
}
if (!(await havePackages(args))) process.exit(2);

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
process.env["DROVER_TEST_DIRECTORY"] = directory;
// Postgres's account passes through it when the tests run as root.
chmodSync(directory, 0o711);
// What one process has compiled, the others of this run need not.
process.env["NODE_COMPILE_CACHE"] = join(directory, "compiled");
// Tests of chance draw more often.
if (args.includes("--long")) process.env["DROVER_TEST_LONG"] = "1";
const home = join(directory, "postgres");
let exitCode = 1;
try {
  const server = await startEmbeddedPostgres({ dir: home, settings });
  exitCode = 0;
  process.env["DROVER_TEST_DATABASE_URL"] = server.url;
  const times: FileTime[] = [];
  for (const batch of batchesOf(files)) {
    if (stopping.signal.aborted) break;
    if (!(await runTests(batch, times, stopping.signal))) exitCode = 1;
  }
  tellSlowest(times);
} catch (error) {
  exitCode = 1;
  console.error((error as Error).message);
} finally {
  await removeEmbeddedPostgres(home);
}
const clean = await endedClean(signalled !== undefined);
// Not before: a process that ends writes down there what it has compiled.
rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
process.exit(signalled === "SIGINT" ? 130 : signalled !== undefined ? 143 : clean ? exitCode : exitCode || 1);
