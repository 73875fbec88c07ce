// Runs a test file inside an executable of the agent: on its own Node, its native addon and its assets. The file is bundled
// as the agent itself is, and is loaded before the agent's program by NODE_OPTIONS=--require. The program is asked for its
// version only, and held back from ending the process (inside-first.ts). The product has no door for this.
//
//   test("the X11 desktop in drover-agent", { timeout }, async (t) =>
//     reportAll(t, await testInExecutable("test/agent/desktop/x11-inside.ts", (env) => startHere(path, env))));
//
// Under Wine, paths are Windows' own, and the executable is started in a session:
//
//   await testInExecutable(file, (env) => startUnderWine(session, path, ["--version"], env), winePath)
//
// The file inside must import nothing that needs the project's folder (import.meta.dirname is refused by the bundler), and
// starts its own desktop or takes what it needs from the environment.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import { bundle } from "../../deploy/agent-build/bundle.ts";

export interface InnerResult {
  /** With the names of the suites around it. */
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed, with the stack. */
  readonly error?: string;
}

export interface InnerRun {
  readonly results: readonly InnerResult[];
  readonly exitCode: number | null;
  readonly output: string;
}

export interface StartedExecutable {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  output(): string;
}

const insideWithinMs = 150_000;

/** Runs the tests of `file` in the executable that `start` starts with this environment. */
export async function testInExecutable(
  file: string,
  start: (env: { readonly NODE_OPTIONS: string; readonly XDG_CACHE_HOME: string }) => StartedExecutable,
  seenFromInside: (path: string) => string = (path) => path,
): Promise<InnerRun> {
  const dir = mkdtempSync(join(tmpdir(), "drover-test-inside-"));
  try {
    const inside = (name: string) => seenFromInside(join(dir, name)).replaceAll("\\", "/");
    writeFileSync(join(dir, "tests.cjs"), await bundle(preloaded(file)));
    writeFileSync(join(dir, "reporter.mjs"), `import { inspect } from "node:util";\nexport default ${reporter}\n`);
    const options = [
      `--require=${inside("tests.cjs")}`,
      `--test-reporter=file:///${inside("reporter.mjs").replace(/^\//, "")}`,
      `--test-reporter-destination=${inside("results")}`,
    ];
    const started = start({ NODE_OPTIONS: options.join(" "), XDG_CACHE_HOME: join(dir, "cache") });
    const tooLate = AbortSignal.timeout(insideWithinMs);
    const exitCode = await Promise.race([started.ended, once(tooLate, "abort").then(() => null)]);
    if (tooLate.aborted) process.kill(started.pid, "SIGKILL");
    const lines = existsSync(join(dir, "results")) ? readFileSync(join(dir, "results"), "utf8").trim().split("\n") : [];
    const results = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as InnerResult);
    return { results, exitCode, output: started.output() };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const first = "test/support/inside-first.ts";

/** A worker thread loads what its process has preloaded: only the process itself is to run the tests. */
const preloaded = (file: string): string => `if (require("node:worker_threads").isMainThread) {
  require("./${first}");
  require("./${file}");
}`;

/** Makes each inner test a test of `t`. */
export async function reportAll(t: TestContext, { results, exitCode, output }: InnerRun): Promise<void> {
  assert.ok(results.length > 0, `no test ran inside; exit code ${exitCode}\n${output}`);
  for (const { name, passed, error } of results) {
    await t.test(name, () => {
      if (!passed) assert.fail(error);
    });
  }
  const failed = results.some(({ passed }) => !passed);
  assert.equal(exitCode, failed ? 1 : 0, `the inner run ended with ${exitCode}\n${output}`);
}

/** Starts an executable of this platform, with its output kept. */
export function startHere(path: string, env: Record<string, string>, args = ["--version"]): StartedExecutable {
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { pid: child.pid ?? 0, ended, output: () => output };
}

/** Written out as a module of its own, and run inside; `inspect` is imported there. One line for each test that has no others. */
async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const around: string[] = [];
  for await (const event of events) {
    if (event.type === "test:start") around.splice(event.data.nesting, Infinity, event.data.name);
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, nesting, details } = event.data;
    const error =
      event.type === "test:fail" ? (details as { error: Error & { failureType?: string } }).error : undefined;
    if (details.type === "suite" && (error === undefined || error.failureType === "subtestsFailed")) continue;
    const full = [...around.slice(0, nesting), name].join(" ");
    const why = error && { error: inspect(error.cause ?? error) };
    yield `${JSON.stringify({ name: full, passed: error === undefined, ...why })}\n`;
  }
}
