// An external PostgreSQL as an operator would have it: Debian's own (15 or later), started as the user `postgres` on a
// TCP port of loopback.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../server/postgres/connect.ts";
import { freePort, until } from "./product.ts";

export interface ExternalPostgres {
  readonly url: string;
  readonly version: string;
  /** Ends it by this signal, SIGINT (as an administrator would) or SIGKILL; its data stay. */
  down(signal: "SIGINT" | "SIGKILL"): Promise<void>;
  /** Starts it again and waits until it answers. */
  up(): Promise<void>;
  stop(): Promise<void>;
}

const versionsDirectory = "/usr/lib/postgresql";

export async function startExternalPostgres(): Promise<ExternalPostgres> {
  const version = existsSync(versionsDirectory)
    ? readdirSync(versionsDirectory)
        .filter((name) => existsSync(join(versionsDirectory, name, "bin/postgres")))
        .sort((a, b) => Number(a) - Number(b))[0]
    : undefined;
  if (version === undefined) throw new Error("no PostgreSQL server is installed: apt-get install postgresql");
  const bin = (name: string) => join(versionsDirectory, version, "bin", name);
  const dir = mkdtempSync(join(tmpdir(), "drover-external-postgres-"));
  // Postgres does not run as root.
  const account = process.getuid?.() === 0 ? accountOf("postgres") : undefined;
  if (account !== undefined) chownSync(dir, account.uid, account.gid);
  chmodSync(dir, 0o700);
  const data = join(dir, "data");
  execFileSync(bin("initdb"), ["-D", data, "-U", "drover", "--auth=trust", "-E", "UTF8", "--locale=C"], {
    ...account,
    cwd: "/",
    stdio: "ignore",
  });
  const port = await freePort();
  const settings = ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${dir}`, "-c", "fsync=off"];
  const start = () =>
    spawn(bin("postgres"), ["-D", data, "-p", `${port}`, ...settings], { ...account, cwd: "/", stdio: "ignore" });
  const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;
  let server = start();
  const url = `postgres://drover@127.0.0.1:${port}/postgres`;
  const answers = async () => {
    // After a kill it does not start before the last backend of the old one has noticed.
    if (hasEnded(server)) server = start();
    const sql = openDatabase(url, { max: 1, connect_timeout: 2 });
    try {
      return (await sql`select 1`).length === 1;
    } catch {
      return false;
    } finally {
      await sql.end();
    }
  };
  const down = async (signal: "SIGINT" | "SIGKILL") => {
    server.kill(signal);
    if (!hasEnded(server)) await once(server, "exit");
  };
  await until("the external Postgres answers", answers);
  return {
    url,
    version,
    down,
    async up() {
      await until("the external Postgres answers again", answers);
    },
    async stop() {
      await down("SIGINT");
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

function accountOf(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
