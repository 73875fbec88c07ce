// The embedded Postgres: what Drover uses when DATABASE_URL is not set. This file joins the parts.
//
// A server outlives a Drover that is killed and is adopted by the next one; `stop` is how it ends.

import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { locateBinaries } from "./binaries.ts";
import { openDatabase, socketUrl } from "./connect.ts";
import { prepareDataDirectory, serverUser } from "./data-directory.ts";
import { keepRunning } from "./keep-running.ts";
import { launchOrAdopt, type RunningServer } from "./launch.ts";
import { isRunning, livingServer } from "./lock-file.ts";
import { type Place, preparePlace, removePlace } from "./place.ts";

export interface EmbeddedPostgresOptions {
  /** Holds the data, and is made if it is missing. As root the data may be elsewhere; see place.ts. */
  dir: string;
  /** The database that the URL names; made if it is missing. */
  database?: string;
  /** Start the server again whenever it dies, until `stop`. */
  keepRunning?: boolean;
  /** Server settings beside and over our own. An adopted server keeps those it was started with. */
  settings?: Record<string, string>;
  log?: (line: string) => void;
}

/**
 * Who may end the server: `started` (the default), only if it was started here; `unused`, if nobody else is connected
 * (for replicas that share it: the last one ends it); `always`; `never`.
 */
export type StopServer = "started" | "unused" | "always" | "never";

export interface EmbeddedPostgres {
  url: string;
  /** The server's process id. It changes when keepRunning starts it again. */
  readonly pid: number;
  /** True if the server was running before. */
  readonly adopted: boolean;
  /** Where the data and the log are. */
  home: string;
  /** Ends what was begun here, and by default the server if it was. Idempotent; returns when the server has ended. */
  stop(options?: { server?: StopServer }): Promise<void>;
}

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const place = preparePlace(options.dir);
  const binaries = locateBinaries(place.account);
  await prepareDataDirectory(place, binaries);
  const launch = () => launchOrAdopt({ place, binaries, settings: options.settings ?? {}, log });

  let server = await launch();
  const database = options.database ?? "drover";
  const url = socketUrl({ socketDirectory: server.socketDirectory, user: serverUser, database });
  await ensureDatabase(server, database);
  log(
    `${server.adopted ? "adopted" : "started"} PostgreSQL ${binaries.major} in ${place.home} (process ${server.pid})`,
  );

  const replaced = (next: RunningServer) => {
    server = next;
  };
  const keeper = options.keepRunning ? keepRunning({ server: () => server, launch, log, replaced }) : undefined;
  let stopped: Promise<void> | undefined;
  const stop = async (which: StopServer) => {
    await keeper?.stop();
    if (await shouldStop(which, server)) await stopServer(place, log);
  };
  return {
    url,
    home: place.home,
    get pid() {
      return server.pid;
    },
    get adopted() {
      return server.adopted;
    },
    stop: ({ server: which = "started" } = {}) => (stopped ??= stop(which)),
  };
}

/** Stops the server of this directory, if one runs, and deletes its data wherever it is. */
export async function removeEmbeddedPostgres(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  const place = preparePlace(dir);
  await stopServer(place, () => undefined);
  removePlace(dir, place);
}

async function shouldStop(which: StopServer, server: RunningServer): Promise<boolean> {
  if (which === "always" || which === "never") return which === "always";
  if (which === "started") return !server.adopted;
  const sql = maintenanceClient(server);
  try {
    const others = await sql`
      select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;
    return others.length === 0;
  } catch {
    // It cannot be asked, so nobody can use it; leaving it is harmless, as the next start adopts it.
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** A fast shutdown: open transactions are rolled back, everything is flushed. */
async function stopServer(place: Place, log: (line: string) => void): Promise<void> {
  let nextReport = Date.now() + 10_000;
  const asked = livingServer(place.data);
  if (asked === undefined) return;
  process.kill(asked.pid, "SIGINT");
  while (isRunning(asked.pid)) {
    if (Date.now() > nextReport) {
      nextReport += 10_000;
      log(`Postgres (process ${asked.pid}) is still stopping`);
    }
    await delay(10);
  }
}

async function ensureDatabase(server: RunningServer, database: string): Promise<void> {
  const sql = maintenanceClient(server);
  try {
    const found = await sql`select 1 from pg_database where datname = ${database}`;
    if (found.length === 0) await sql`create database ${sql(database)}`;
  } catch (error) {
    // Another process made it in the meantime: duplicate_database, or unique_violation on its catalog.
    if (!["42P04", "23505"].includes((error as { code?: string }).code ?? "")) throw error;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function maintenanceClient(server: RunningServer) {
  const url = socketUrl({ socketDirectory: server.socketDirectory, user: serverUser, database: "postgres" });
  return openDatabase(url, { max: 1, onnotice: () => undefined, connect_timeout: 10 });
}
