// Runs the tests: node test/run.ts [--long] [--yes] [path ...]
//
// Without a path, all of them. `*.long.test.ts` are left out unless --long is given or one is named by its full path.
// System packages that are missing are installed if --yes or CI=true agrees; else it says what to run, and ends with 2.
// It starts one Postgres for all test files and stops it at the end, and the run fails if a process that it began is
// still there afterwards: everything a test starts inherits DROVER_TEST_RUN.
//
// The system tests come after the others, two files at a time: each has several desktops and servers of its own, and mostly
// waits. Those that keep a processor busy, or have deadlines that a busy one would break, and the tests of faults, come last
// and one file after the other.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
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

interface Batch {
  readonly files: string[];
  readonly atOnce: number;
}

function batchesOf(files: string[]): Batch[] {
  const isAlone = (file: string) =>
    /^test\/(faults\/|system\/(fleet|halted-fleet|interrupting-window|windows)\.)/.test(file);
  const isSystem = (file: string) => file.startsWith("test/system/") && !isAlone(file);
  const batches = [
    { files: files.filter((file) => !isSystem(file) && !isAlone(file)), atOnce: availableParallelism() },
    { files: files.filter(isSystem), atOnce: 2 },
    { files: files.filter(isAlone), atOnce: 1 },
  ];
  return batches.filter((batch) => batch.files.length > 0);
}

interface Around {
  readonly databaseUrl: string;
  readonly directory: string;
  readonly durations: string;
  readonly stopping: AbortSignal;
}

function runTests({ files, atOnce }: Batch, { databaseUrl, directory, durations, stopping }: Around): Promise<number> {
  const flags = ["--disable-warning=ExperimentalWarning", "--test", `--test-concurrency=${atOnce}`];
  // A file that does not end fails, instead of keeping all the others.
  flags.push(`--test-timeout=${(args.includes("--long") ? 30 : 5) * 60_000}`);
  const shown = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
  const timed = [`--test-reporter=${join(root, "test/slowest.ts")}`, `--test-reporter-destination=${durations}`];
  return new Promise((done) => {
    const child = spawn(process.execPath, [...flags, ...shown, ...timed, ...files], {
      cwd: root,
      env: {
        ...process.env,
        DROVER_TEST_RUN: run,
        DROVER_TEST_DATABASE_URL: databaseUrl,
        DROVER_TEST_DIRECTORY: directory,
        // Tests of chance draw more often.
        ...(args.includes("--long") && { DROVER_TEST_LONG: "1" }),
      },
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

const slowestShown = 5;

function tellSlowest(durations: readonly string[]): void {
  const lines = durations.filter(existsSync).flatMap((file) => readFileSync(file, "utf8").trim().split("\n"));
  const slowest = lines.filter((line) => line !== "").sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
  console.log("The slowest files:");
  for (const line of slowest.slice(0, slowestShown)) {
    const [ms, file] = line.split(" ");
    console.log(`  ${(Number(ms) / 1000).toFixed(1).padStart(6)} s  ${file}`);
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
// Postgres's account passes through it when the tests run as root.
chmodSync(directory, 0o711);
const home = join(directory, "postgres");
let exitCode = 1;
try {
  const server = await startEmbeddedPostgres({ dir: home, settings });
  exitCode = 0;
  const durations: string[] = [];
  for (const [index, batch] of batchesOf(files).entries()) {
    if (stopping.signal.aborted) break;
    const around = {
      databaseUrl: server.url,
      directory,
      durations: join(directory, `${index}`),
      stopping: stopping.signal,
    };
    durations.push(around.durations);
    exitCode = (await runTests(batch, around)) || exitCode;
  }
  tellSlowest(durations);
} catch (error) {
  exitCode = 1;
  console.error((error as Error).message);
} finally {
  await removeEmbeddedPostgres(home);
  rmSync(directory, { recursive: true, force: true });
}
const clean = await endedClean(signalled !== undefined);
process.exit(signalled === "SIGINT" ? 130 : signalled !== undefined ? 143 : clean ? exitCode : exitCode || 1);
