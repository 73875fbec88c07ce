// The demo as its users run it: the whole of it once, killed in the middle, and on a system where packages are missing.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../agent/desktop/until.ts";
import { leftoverProcesses } from "../support/leftovers.ts";

const main = resolve(import.meta.dirname, "../../examples/demo/main.ts");
const command = ["--disable-warning=ExperimentalWarning", main];
const longMs = 240_000;

interface Report {
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
function startDemo(t: TestContext, ...args: string[]) {
  const run = randomUUID();
  const tmp = mkdtempSync(join(tmpdir(), "drover-demo-test-"));
  const child = spawn(process.execPath, [...command, ...args], {
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

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((done) => {
    child.once("close", done);
  });

test("the demo runs once: six runs on three machines, every check held, and nothing is left", {
  timeout: longMs,
}, async (t) => {
  const { run, tmp, child, said, database } = startDemo(t, "--once", "--json");
  const end = ended(child);
  const data = await database();
  assert.equal(await end, 0, said.stderr + said.stdout);
  const report = JSON.parse(said.stdout) as Report;
  assert.equal(report.ok, true);
  assert.deepEqual(report.machines, ["vm-1", "vm-2", "vm-3"]);
  assert.equal(report.runs.length, 6);
  assert.equal(new Set(report.runs.map(({ machine }) => machine)).size, 3);
  for (const { workflow, outcome, verdict, filmFrames, checks } of report.runs) {
    assert.deepEqual({ outcome, verdict }, { outcome: "SUCCEEDED", verdict: "READY" }, workflow);
    assert.ok(filmFrames >= 5, `${workflow} has a film of ${filmFrames} frames`);
    assert.ok(checks.length >= 4);
    assert.deepEqual(
      checks.filter(({ held }) => !held),
      [],
    );
  }
  assert.match(said.stderr, /notes\.save: waits for a machine/);
  assert.deepEqual(leftoverProcesses(run), []);
  assert.deepEqual(readdirSync(tmp), []);
  assert.equal(existsSync(data), false, `${data} is gone`);
});

test("a demo that is killed leaves nothing either", { timeout: longMs }, async (t) => {
  const { run, tmp, child, said, database } = startDemo(t, "--machines", "1", "--runs", "1");
  const data = await database();
  await until("a run is on a machine", () => said.stderr.includes("on vm-1"), 120_000);
  child.kill("SIGKILL");
  await until("all of its processes have ended", () => leftoverProcesses(run).length === 0, 60_000);
  assert.deepEqual(readdirSync(tmp), []);
  assert.equal(existsSync(data), false, `${data} is gone`);
});

test("without consent to missing packages it says what to install, and exits 2", (t) => {
  const bin = mkdtempSync(join(tmpdir(), "drover-demo-path-"));
  t.after(() => rmSync(bin, { recursive: true }));
  program(bin, "dpkg-query", "exit 1");
  program(bin, "apt-get", 'echo "Need to get 12.3 MB of archives."');
  program(bin, "sudo", "exit 1");
  const tmp = join(bin, "tmp");
  mkdirSync(tmp);
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, "--once", "--json"], {
    env: { PATH: bin, TMPDIR: tmp },
    encoding: "utf8",
    input: "",
  });
  assert.equal(status, 2, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /Need to get 12\.3 MB/);
  assert.match(stderr, /apt-get install --no-install-recommends .*mousepad galculator/);
  assert.deepEqual(readdirSync(tmp), [], "nothing was begun");
});

test("a wrong option is refused with exit code 2, before anything begins", () => {
  const { status, stderr } = spawnSync(process.execPath, [...command, "--runs", "none"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /It must be a number from 1 to/);
});

function program(directory: string, name: string, script: string): void {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
