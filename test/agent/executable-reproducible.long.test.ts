// The same commit gives the same executables, wherever and by whomever they are built.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { Made } from "../../deploy/agent-build/release.ts";

const root = resolve(import.meta.dirname, "../..");

interface Surroundings {
  readonly folder: string;
  readonly umask: string;
  readonly env: Record<string, string>;
}

/** Builds in a clone with its own copy of the installed packages, and nothing kept from another build but what is verified. */
function build({ folder, umask, env }: Surroundings): readonly Made[] {
  execFileSync("git", ["clone", "--quiet", root, folder]);
  execFileSync("cp", ["-a", "--reflink=auto", join(root, "node_modules"), folder]);
  rmSync(join(folder, "node_modules/.cache/drover-agent-hollow"), { recursive: true, force: true });
  const command = `umask ${umask} && exec "$0" deploy/agent-build/main.ts --json --out out --version 1.2.3`;
  const options = { cwd: folder, env: { PATH: process.env["PATH"], ...env }, encoding: "utf8", stdio: "pipe" } as const;
  return JSON.parse(execFileSync("sh", ["-c", command, process.execPath], options)) as Made[];
}

test("two clones in different folders, time zones and umasks build the same bytes", () => {
  const scratch = mkdtempSync(join(tmpdir(), "drover-reproducible-"));
  try {
    const deeper = join(scratch, "a longer path/with spaces");
    mkdirSync(deeper, { recursive: true });
    const here = { folder: join(scratch, "a"), umask: "022", env: { TZ: "UTC", HOME: scratch, LC_ALL: "C" } };
    const there = {
      folder: join(deeper, "b"),
      umask: "077",
      env: { TZ: "Pacific/Auckland", HOME: deeper, USER: "other" },
    };
    const first = build(here);
    rmSync(here.folder, { recursive: true });
    const second = build(there);
    assert.deepEqual(first.map(({ executable }) => executable).sort(), ["linux-x64", "win32-x64"]);
    assert.deepEqual(second, first);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
