// Decisions made again on the command line: a file without any is not one in which all are the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("where no decision is, there is nothing to replay", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "drover-replay-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "empty");
  writeFileSync(file, "\n");
  const args = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "main.ts"), "--replay", file];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /nothing to replay/);
});
