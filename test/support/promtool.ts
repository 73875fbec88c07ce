// promtool, Prometheus' own checker: the one on PATH, else the one in Debian's package. That is only unpacked: installed, it would
// bring 330 MB and a server that starts. Kept from one run of the tests for the next.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onPath } from "../../deploy/on-path.ts";

const cache = resolve(import.meta.dirname, "../../node_modules/.cache/drover-promtool");

export interface Checked {
  readonly code: number | null;
  /** stdout and stderr: promtool says what it finds on either. */
  readonly said: string;
}

export function promtool(args: readonly string[], input = ""): Checked {
  const { status, stdout, stderr } = spawnSync(found(), args, { input, encoding: "utf8", timeout: 60_000 });
  return { code: status, said: `${stdout}${stderr}` };
}

function found(): string {
  if (onPath("promtool")) return "promtool";
  const kept = join(cache, "promtool");
  if (!existsSync(kept)) fetchTo(kept);
  return kept;
}

function fetchTo(kept: string): void {
  const directory = mkdtempSync(join(tmpdir(), "drover-promtool-"));
  try {
    // The system's own lists of packages may be missing, or so old that they name files that are gone; others need no root.
    const state = [`Dir::State::Lists=${directory}/lists`, `Dir::Cache=${directory}/cache`].flatMap((o) => ["-o", o]);
    for (const part of ["lists/partial", "cache/archives/partial", "out"]) {
      mkdirSync(join(directory, part), { recursive: true });
    }
    const downloaded = run("apt-get", ["download", "prometheus"], directory);
    if (downloaded !== undefined) {
      must("apt-get", [...state, "update"], directory);
      must("apt-get", [...state, "download", "prometheus"], directory);
    }
    const archive = readdirSync(directory).find((name) => name.endsWith(".deb"));
    if (archive === undefined) throw new Error("apt-get has downloaded nothing");
    must("dpkg-deb", ["-x", archive, "out"], directory);
    mkdirSync(cache, { recursive: true });
    const unfinished = `${kept}.${process.pid}`;
    must("cp", [join("out", "usr/bin/promtool"), unfinished], directory);
    renameSync(unfinished, kept);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What went wrong, if something did. */
function run(program: string, args: readonly string[], cwd: string): string | undefined {
  const { error, status, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  return error?.message ?? (status === 0 ? undefined : `${program} ended with ${status}: ${stderr}`);
}

function must(program: string, args: readonly string[], cwd: string): void {
  const problem = run(program, args, cwd);
  if (problem !== undefined) throw new Error(`promtool is not on PATH, and cannot be had: ${problem}`);
}
