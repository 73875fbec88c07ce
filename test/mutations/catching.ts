// Whether a catcher notices: it is run in a copy of the checkout, and what it says is judged.
//
// 1. Only an assertion that does not hold counts, or a finding of the simulation's judge. What cannot be loaded, throws
//    something else or never ends has noticed nothing: any mistake would do that.
// 2. A catcher leaves no process behind.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { leftoverProcesses } from "../support/leftovers.ts";
import type { EndedTest } from "./ended-tests.ts";
import type { Catcher } from "./mutation.ts";

export type Caught =
  /** `by`: the title of the test that failed, or what the judge found. */
  | { readonly is: "caught"; readonly by: string }
  /** Everything is as it should be. */
  | { readonly is: "unnoticed" }
  /** It failed, but for no reason that counts. */
  | { readonly is: "broken"; readonly why: string };

/** A catcher is ended after it: the longest simulation takes half of it. */
const withinMs = 240_000;
/** How long what a catcher said last is waited for. */
const lastWordsMs = 5_000;

/** What a catcher finds around it. */
export interface Surroundings {
  readonly databaseUrl: string;
  readonly stopping: AbortSignal;
}

/** Runs it in the checkout in `folder`. */
export async function tryCatcher(catcher: Catcher, folder: string, surroundings: Surroundings): Promise<Caught> {
  const { code, stdout, ended } = await run(wordsOf(catcher, folder), folder, surroundings);
  if (!ended) return { is: "broken", why: `not over within ${withinMs / 1000} s` };
  return catcher.is === "test" ? judgeTests(stdout, code) : judgeSimulation(stdout, code);
}

const quiet = "--disable-warning=ExperimentalWarning";

function wordsOf(catcher: Catcher, folder: string): string[] {
  if (catcher.is === "simulation") return [quiet, join(folder, "test/simulation/main.ts"), ...catcher.options];
  const { file, title } = catcher;
  const only =
    title === undefined ? [] : [`--test-name-pattern=^${title.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)}$`];
  const told = [`--test-reporter=${join(import.meta.dirname, "ended-tests.ts")}`, "--test-reporter-destination=stdout"];
  return [quiet, "--test", "--test-timeout=120000", ...only, ...told, join(folder, file)];
}

/** As `ended-tests.ts` tells it. */
export function judgeTests(told: string, code: number | null): Caught {
  const tests = told
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as EndedTest);
  const failed = tests.filter((test) => !test.passed);
  const noticed = failed.find((test) => test.error === "AssertionError");
  if (noticed !== undefined) return { is: "caught", by: noticed.title };
  if (failed[0] !== undefined) return { is: "broken", why: `${failed[0].title}: ${failed[0].error}` };
  if (tests.length === 0) return { is: "broken", why: "no test was run" };
  return code === 0 ? { is: "unnoticed" } : { is: "broken", why: `exit code ${code} without a test that failed` };
}

/** As `test/simulation/main.ts` tells it: a line for each seed, and under it what was found. */
export function judgeSimulation(told: string, code: number | null): Caught {
  const lines = told.split("\n");
  const wrong = lines.findIndex((line) => /^seed \d+: \d+ WRONG/.test(line));
  if (wrong >= 0) return { is: "caught", by: (lines[wrong + 1] ?? "").trim() };
  if (code === 0 && lines.some((line) => /^seed \d+: good/.test(line))) return { is: "unnoticed" };
  return { is: "broken", why: lines.find((line) => /BROKEN/.test(line)) ?? `exit code ${code}` };
}

async function run(words: readonly string[], folder: string, { databaseUrl, stopping }: Surroundings) {
  const mark = randomUUID();
  // With it Node takes the tests for those of this process's own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, words, {
    cwd: folder,
    env: { ...env, DROVER_TEST_RUN: mark, DROVER_TEST_DATABASE_URL: databaseUrl },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const tooLong = AbortSignal.timeout(withinMs);
  const kill = () => void child.kill("SIGKILL");
  const over = AbortSignal.any([tooLong, stopping]);
  over.addEventListener("abort", kill);
  const closed = once(child, "close");
  const [code] = (await once(child, "exit")) as [number | null];
  over.removeEventListener("abort", kill);
  for (const { pid } of leftoverProcesses(mark)) killed(pid);
  // What it said last may be unread; what nobody found may hold its output open.
  await Promise.race([closed, once(AbortSignal.timeout(lastWordsMs), "abort")]);
  return { code, stdout, ended: !tooLong.aborted };
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Ended in the meantime.
  }
}
