// Makes the data directory of the embedded Postgres, or checks that the one found there can be used.

import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { spawnIdentity } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import type { Place } from "./place.ts";
import { serverEnvironment } from "./server-environment.ts";

/** The superuser that initdb makes, and whom every URL of the embedded server names. */
export const serverUser = "drover";

export async function prepareDataDirectory(place: Place, binaries: Binaries): Promise<void> {
  if (!existsSync(place.data)) await createDataDirectory(place, binaries);
  checkMajorVersion(place.data, binaries.major);
}

/** Made beside its final name and moved there when it is whole, so that a crash or a race leaves no half of one. */
async function createDataDirectory(place: Place, binaries: Binaries): Promise<void> {
  removeAbandoned(place.home);
  const fresh = mkdtempSync(join(place.home, `data.new-${process.pid}-`));
  try {
    chmodSync(fresh, 0o700);
    if (place.account !== undefined) chownSync(fresh, place.account.uid, place.account.gid);
    await runInitdb(binaries.initdb, fresh, place);
    renameSync(fresh, place.data);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Another process made it in the meantime: a rename onto a filled directory fails.
    if (!existsSync(join(place.data, "PG_VERSION"))) throw error;
  }
}

function runInitdb(initdb: string, data: string, place: Place): Promise<void> {
  const flags = ["-D", data, "-U", serverUser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"];
  return new Promise((resolve, reject) => {
    const child = spawn(initdb, [...flags, "--no-instructions"], {
      ...spawnIdentity(place.account),
      cwd: "/",
      env: serverEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-2000);
      });
    }
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `Postgres could not make its data directory in ${place.home} (initdb: ${signal ?? code}). It said:\n${said}`,
          ),
        );
    });
  });
}

function checkMajorVersion(data: string, supported: number): void {
  let found: string;
  try {
    found = readFileSync(join(data, "PG_VERSION"), "utf8").trim();
  } catch (cause) {
    throw new Error(
      `${data} is not a Postgres data directory: it has no PG_VERSION. Move it away to start with an empty one.`,
      { cause },
    );
  }
  if (Number(found) === supported) return;
  throw new Error(
    `The data in ${data} is of PostgreSQL ${found}, but this Drover brings PostgreSQL ${supported}, which cannot read it. Dump it with the Drover that wrote it and restore it here, run PostgreSQL ${found} and set DATABASE_URL, or use another directory.`,
  );
}

/** What a process that was killed during initdb left. An hour is far more than initdb takes. */
function removeAbandoned(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith("data.new-")) continue;
    const stat = statSync(join(home, name), { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > 3_600_000)
      rmSync(join(home, name), { recursive: true, force: true });
  }
}
