// Where the files of one embedded Postgres are: its data, its socket and its log.
//
//   <home>/data            the data directory; belongs to the server's account, 0700
//   <home>/socket          the socket; 0700 of the same account, which is what stands in for a password
//   <home>/postgres.log    belongs to the caller
//
// <home> is the directory that was asked for, unless Drover is root and the server's account cannot enter it (anything
// under /root, or a fresh `mktemp -d`). Opening up somebody's parents is not ours to do, so <home> is then a new directory
// in /var/lib/drover/postgres and the directory asked for holds a symlink `elsewhere` to it, which survives a move.

import { createHash, randomUUID } from "node:crypto";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Account, canEnter, serverAccount } from "./account.ts";
import { makeDirectories, systemDirectory } from "./binaries.ts";

export interface Place {
  home: string;
  data: string;
  socketDirectory: string;
  log: string;
  account: Account | undefined;
}

/** The name of a Unix socket is at most this long, its file name included: sun_path less the closing zero. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

export const socketFileName = ".s.PGSQL.5432";

export function preparePlace(asked: string): Place {
  const home = findHome(resolve(asked));
  const data = join(home, "data");
  const account = serverAccount(data);
  if (existsSync(data) && !canEnter(data, account)) {
    throw new Error(
      `Postgres runs as ${account?.name ?? "this user"} and cannot enter its data directory ${data}. If it was made as root, run as root again or chown it; else make each parent directory passable (chmod a+x).`,
    );
  }
  const socketDirectory = prepareSocketDirectory(home, account);
  return { home, data, socketDirectory, log: join(home, "postgres.log"), account };
}

/** Deletes everything that preparePlace and the server made. The server must be stopped. */
export function removePlace(asked: string, place: Place): void {
  for (const path of [place.socketDirectory, place.home, resolve(asked)])
    rmSync(path, { recursive: true, force: true });
}

function findHome(directory: string): string {
  const elsewhere = readElsewhere(directory);
  if (elsewhere !== undefined) {
    if (existsSync(elsewhere)) return elsewhere;
    throw new Error(
      `The database of ${directory} was in ${elsewhere}, which is gone. Put it back, or delete ${join(directory, "elsewhere")} to start with an empty one.`,
    );
  }
  // 0711: the account passes through to its own directories and sees nothing else.
  makeDirectories(directory, 0o711);
  if (existsSync(join(directory, "data"))) return directory;
  return canEnter(directory, serverAccount(join(directory, "data"))) ? directory : moveElsewhere(directory);
}

function moveElsewhere(directory: string): string {
  const home = join(systemDirectory, "postgres", randomUUID());
  try {
    makeDirectories(home, 0o711);
  } catch (cause) {
    throw new Error(
      `Postgres does not run as root, its account cannot enter ${directory}, and ${home} could not be made. Use a directory whose parents are passable (chmod a+x), or set DATABASE_URL.`,
      { cause },
    );
  }
  try {
    symlinkSync(home, join(directory, "elsewhere"));
    return home;
  } catch (error) {
    rmSync(home, { recursive: true });
    // Another process was quicker: one directory has one database.
    const winner = readElsewhere(directory);
    if (winner === undefined) throw error;
    return winner;
  }
}

function readElsewhere(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, "elsewhere"));
  } catch {
    return undefined;
  }
}

function prepareSocketDirectory(home: string, account: Account | undefined): string {
  const near = join(home, "socket");
  const fits = Buffer.byteLength(join(near, socketFileName)) <= socketPathBytesMax;
  const directory = fits ? near : shortSocketDirectory(home);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!fits) refuseForeign(directory, account);
  if (account !== undefined) chownSync(directory, account.uid, account.gid);
  chmodSync(directory, 0o700);
  return directory;
}

/** In the shared temporary directory anybody could have made this name first. */
function refuseForeign(directory: string, account: Account | undefined): void {
  const found = lstatSync(directory);
  if (found.isDirectory() && [account?.uid, process.getuid?.()].includes(found.uid)) return;
  throw new Error(`${directory} is needed for Postgres's socket but belongs to somebody else. Delete it.`);
}

function shortSocketDirectory(home: string): string {
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const parent =
    Buffer.byteLength(join(tmpdir(), `drover-${hash}`, socketFileName)) <= socketPathBytesMax ? tmpdir() : "/tmp";
  return join(parent, `drover-${hash}`);
}
