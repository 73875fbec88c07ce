// A copy of the checkout as it is, in which a patch is applied and taken back.
//
// 1. Dependencies are links to the checkout's own; the project's own packages are the copy's, so that a changed .proto or
//    rule is the one that is loaded.
// 2. What a patch changed is written back as it was, whatever became of the tests and whatever is done to the checkout.

import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Mutation } from "./mutation.ts";

/** The project's own packages. */
const own = "@drover";

export class Copy {
  readonly folder: string;
  /** The files that a patch changed, as they were. */
  readonly #before = new Map<string, Buffer>();

  constructor(root: string) {
    this.folder = mkdtempSync(join(tmpdir(), "drover-mutation-"));
    // Postgres's account passes through it when this runs as root.
    chmodSync(this.folder, 0o755);
    for (const file of filesOf(root)) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      copyFileSync(join(root, file), join(this.folder, file));
    }
    const modules = join(this.folder, "node_modules");
    mkdirSync(join(modules, own), { recursive: true });
    for (const name of readdirSync(join(root, "node_modules"))) {
      if (name !== own) symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    for (const name of readdirSync(join(root, "node_modules", own))) {
      symlinkSync(join(this.folder, name), join(modules, own, name));
    }
  }

  /** Undefined when it is applied; else why not. */
  apply({ path: patch, touched }: Mutation): string | undefined {
    for (const file of touched) {
      const path = join(this.folder, file);
      if (existsSync(path)) this.#before.set(file, readFileSync(path));
    }
    const { status, stderr, error } = gitApply(this.folder, patch);
    return status === 0 ? undefined : (error?.message ?? stderr.trim());
  }

  restore(): void {
    for (const [file, content] of this.#before) writeFileSync(join(this.folder, file), content);
    this.#before.clear();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One line of context around a change has to be as it was: neighbours may be edited. */
export const gitApply = (folder: string, patch: string, ...options: readonly string[]) =>
  spawnSync("git", ["apply", "-C1", ...options, patch], { cwd: folder, encoding: "utf8" });

/** What is tracked, or about to be, and is there. */
function filesOf(root: string): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  return [...new Set(listed.split("\0"))].filter((file) => file !== "" && existsSync(join(root, file)));
}
