// A log in a file: every line whole, and no more than two files.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { logFile } from "../../agent/log-file.ts";

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
