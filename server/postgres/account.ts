// Which operating-system account runs the embedded Postgres.
//
// Postgres refuses to run as root, and initdb wants an account that /etc/passwd names. As root Drover therefore drops to
// an account that is already there; it creates none. Not as root, Postgres simply runs as the caller.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** In order of preference. `drover` is for an administrator who wants Postgres apart from everything else. */
const candidates = ["drover", "postgres", "nobody"];

/** Undefined: run as the caller. The owner of an existing data directory wins, as Postgres takes no other. */
export function serverAccount(dataDirectory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = statSync(dataDirectory, { throwIfNoEntry: false });
  if (owner !== undefined) {
    if (owner.uid === 0) {
      throw new Error(
        `${dataDirectory} belongs to root, as whom Postgres does not run. Give it to another account: chown -R postgres ${dataDirectory}`,
      );
    }
    const known = accounts.find((account) => account.uid === owner.uid);
    return { name: known?.name ?? String(owner.uid), uid: owner.uid, gid: known?.gid ?? owner.gid };
  }
  for (const name of candidates) {
    const account = accounts.find((each) => each.name === name && each.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new Error(
    `Postgres does not run as root, and this system has none of the accounts ${candidates.join(", ")}. Create one (useradd --system drover), or set DATABASE_URL.`,
  );
}

/** Asked of the system and not computed from mode bits, so that access lists and every parent count. */
export function canEnter(directory: string, account: Account | undefined): boolean {
  const probe = spawnSync("/bin/sh", ["-c", 'test -d "$1" && test -x "$1"', "sh", directory], {
    ...spawnIdentity(account),
    cwd: "/",
    stdio: "ignore",
  });
  return probe.status === 0;
}

export function spawnIdentity(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

function readAccounts(): Account[] {
  const accounts: Account[] = [];
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name && uid && gid) accounts.push({ name, uid: Number(uid), gid: Number(gid) });
  }
  return accounts;
}
