// Files of an executable on their way to a disk.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { placeFile } from "../../agent/executable/extraction.ts";

const scratch = mkdtempSync(join(tmpdir(), "drover-extraction-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

test("a file that is there with other bytes is replaced, and nothing else is left", () => {
  writeFileSync(join(scratch, "part"), "another content");
  placeFile(scratch, "part", Buffer.from("content"));
  assert.equal(readFileSync(join(scratch, "part"), "utf8"), "content");
  assert.deepEqual(readdirSync(scratch), ["part"]);
});

test("a disk that has no room for a file keeps no piece of it", () => {
  const folder = mkdtempSync(join(scratch, "full-"));
  const module = join(import.meta.dirname, "../../agent/executable/extraction.ts");
  const placing = `import(${JSON.stringify(module)}).then(({ placeFile }) =>
    placeFile(${JSON.stringify(folder)}, "part", Buffer.alloc(1024 * 1024)))`;
  // What a full disk says of a write that does not fit, for one process.
  const limited = ["-c", 'trap "" XFSZ; ulimit -f 8; exec "$@"', "sh", process.execPath, "-e", placing];
  const { status, stderr } = spawnSync("sh", limited, { encoding: "utf8", timeout: 20_000 });
  assert.equal(status, 1);
  assert.match(stderr, /EFBIG/);
  assert.deepEqual(readdirSync(folder), []);
});
