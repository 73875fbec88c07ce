// The demo as a process of its own that a test may kill, and of which everything can be found again.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { until } from "../agent/desktop/until.ts";
import { leftoverProcesses } from "./leftovers.ts";

const main = resolve(import.meta.dirname, "../../examples/demo/main.ts");
/** How Node is told to start it. */
export const demoCommand = ["--disable-warning=ExperimentalWarning", main];

export interface Report {
  ok: boolean;
  machines: string[];
  runs: {
    workflow: string;
    outcome: string;
    machine: string;
    verdict: string;
    filmFrames: number;
    checks: { what: string; held: boolean }[];
  }[];
}

/** A demo of which everything can be found again: its processes by `run`, its files below `tmp`. */
export function startDemo(t: TestContext, ...args: string[]) {
  const run = randomUUID();
  const tmp = mkdtempSync(join(tmpdir(), "drover-demo-test-"));
  const child = spawn(process.execPath, [...demoCommand, ...args], {
    env: { ...process.env, TMPDIR: tmp, DROVER_TEST_RUN: run },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  t.after(() => {
    child.kill("SIGTERM");
    for (const { pid } of leftoverProcesses(run)) process.kill(pid, "SIGKILL");
    rmSync(tmp, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  /** Where Postgres's data is: below `tmp`, or, as root, where a link tells. */
  const database = () =>
    until(
      "the database's directory is there",
      () => {
        const root = readdirSync(tmp).find((name) => name.startsWith("drover-demo-"));
        const asked = join(tmp, root ?? "none", "server", "postgres");
        if (existsSync(join(asked, "data"))) return asked;
        const link = join(asked, "elsewhere");
        try {
          return readlinkSync(link);
        } catch {
          return undefined;
        }
      },
      60_000,
    );
  return { run, tmp, child, said, database };
}

export const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((done) => {
    child.once("close", done);
  });
