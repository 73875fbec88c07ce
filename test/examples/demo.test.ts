// The demo as its users run it: the whole of it once, killed in the middle, and on a system where packages are missing.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../agent/desktop/until.ts";
import { demoCommand, ended, type Report, startDemo } from "../support/demo-process.ts";
import { leftoverProcesses } from "../support/leftovers.ts";

const longMs = 240_000;

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
  const { status, stdout, stderr } = spawnSync(process.execPath, [...demoCommand, "--once", "--json"], {
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
  const { status, stderr } = spawnSync(process.execPath, [...demoCommand, "--runs", "none"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /It must be a number from 1 to/);
});

function program(directory: string, name: string, script: string): void {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
