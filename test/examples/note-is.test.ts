// The program by which the note example verifies: its exit code is believed, so it says no only when it has looked.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "drover-note-"));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
writeFileSync(at("note"), "one\ntwo — ü");
writeFileSync(at("empty"), "");
symlinkSync(at("nowhere"), at("dangling"));

for (const [what, args, code] of [
  ["a file that holds exactly the text", [at("note"), "one\ntwo — ü"], 0],
  ["an empty file for an empty text", [at("empty"), ""], 0],
  ["a file that holds less", [at("note"), "one\ntwo — ü\n"], 1],
  ["a file that holds more", [at("note"), "one"], 1],
  ["a file that is not there", [at("absent"), "one"], 1],
  ["a folder that is not there: it may be a disk that is not mounted", [at("absent/note"), "one"], 2],
  ["a folder", [folder, "one"], 2],
  ["a link to nothing", [at("dangling"), "one"], 2],
  ["nothing", [], 2],
] as const) {
  test(`note-is ends with ${code} for ${what}`, () => {
    const { status } = spawnSync(join(import.meta.dirname, "../../examples/note-is.sh"), args);
    assert.equal(status, code);
  });
}
