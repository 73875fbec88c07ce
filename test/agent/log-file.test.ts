// A log in a file: every line whole, and no more than two files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { saveIdentity } from "../../agent/identity.ts";
import { logFile } from "../../agent/log-file.ts";
import { traceOf } from "../../agent/trace.ts";

const scratch = mkdtempSync(join(tmpdir(), "drover-log-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

test("lines are appended, and a long file is put aside in place of the one before", () => {
  const path = join(scratch, "agent.log");
  const [one, other] = [logFile(path, 20), logFile(path, 20)];
  // Two processes write: the supervisor and its agent.
  for (let line = 1; line <= 9; line++) (line % 2 === 0 ? one : other)(`line ${line}...\n`);
  assert.deepEqual(readdirSync(scratch).sort(), ["agent.log", "agent.log.1"]);
  assert.equal(readFileSync(`${path}.1`, "utf8"), "line 7...\nline 8...\n");
  assert.equal(readFileSync(path, "utf8"), "line 9...\n");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a log that cannot be written ends no agent", () => {
  assert.doesNotThrow(() => logFile(join(scratch, "no-folder", "agent.log"))("lost\n"));
});

const source = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../../agent/main.ts")];
const stateDir = join(scratch, "state");

/** Runs an agent that ends by itself, with this log file. */
function runWith(path: string, nodeOptions: readonly string[] = []) {
  const where = ["run", "--server", "http://127.0.0.1:1", "--state", stateDir, "--log-file", path, "--simulated"];
  return spawnSync(process.execPath, [...nodeOptions, ...source, ...where, "--unsupervised"], {
    encoding: "utf8",
    timeout: 20_000,
  });
}

test("a log file that cannot be written is told before the agent starts", () => {
  const { status, stderr } = runWith(join(scratch, "no-folder", "agent.log"));
  assert.equal(status, 2);
  assert.match(stderr, /^agent: --log-file: ENOENT.*no-folder/);
});

test("what a person has to put right is told in the log file and at the terminal", () => {
  const path = join(scratch, "not-enrolled.log");
  const { status, stderr } = runWith(path);
  assert.equal(status, 2);
  assert.match(stderr, /^agent: .*enrol this machine first\n$/);
  assert.equal(readFileSync(path, "utf8"), stderr);
});

test("the log file keeps where an unforeseen error was made, without its words", () => {
  saveIdentity(stateDir, { machineId: `log-file-${process.pid}`, machineKey: "key-1" });
  const [path, failing] = [join(scratch, "crash.log"), join(scratch, "failing.mjs")];
  const fails = "Promise.reject(new TypeError('typed text'))";
  writeFileSync(failing, `setInterval(() => { if (process.listenerCount("SIGHUP") > 0) ${fails}; }, 1);`);
  const { status } = runWith(path, ["--import", pathToFileURL(failing).href]);
  assert.equal(status, 1);
  const log = readFileSync(path, "utf8");
  assert.match(log, /error an error ends this process detail=TypeError at .*failing\.mjs:1:\d+/);
  assert.doesNotMatch(log, /typed text/);
});

test("a trace has no line of a message that looks like a place", () => {
  const error = new RangeError("first line\n    at a secret place");
  assert.match(traceOf(error), /^RangeError at .*log-file\.test\.ts/);
  assert.doesNotMatch(traceOf(error), /secret|first line/);
  assert.equal(traceOf("typed text"), "no error object");
});
