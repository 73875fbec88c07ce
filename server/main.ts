// The composition root of a replica: the only file that knows every room. Starts in order, stops in reverse.

import { constants } from "node:fs";
import { access, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { v7 as uuid } from "uuid";
import { authenticator, engineDoor } from "./api/engine-door.ts";
import { serveApi } from "./api/server.ts";
import { openFileBlobs } from "./blobs/files.ts";
import { listenForAgents } from "./channel/server.ts";
import type { Log } from "./engine/context.ts";
import { startEngine } from "./engine/engine.ts";
import { firstAdminKey } from "./engine/keys.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { startEmbeddedPostgres } from "./postgres/embedded.ts";
import { type LeaseClocks, leaseClocks } from "./rules/limits.ts";
import type { ReplicaId } from "./rules/names.ts";
import { type ServerSettings, SettingError } from "./settings.ts";
import { migrateDatabase, openStore } from "./store/database.ts";
import { readFigures } from "./store/figures.ts";
import { otherAddresses } from "./store/replicas.ts";
import { openWakeup } from "./store/wakeup.ts";

export interface RunningServer {
  readonly apiUrl: string;
  readonly agentUrl: string;
  readonly databaseUrl: string;
  /** Where the first admin key was written, when this start made one. */
  readonly adminKeyFile?: string;
  /** Lets calls and agents go, then stops everything in reverse order. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a replica. `clocks` is for tests; everybody else lives by the default. */
export async function startServer(
  settings: ServerSettings,
  log: Log,
  clocks: LeaseClocks = leaseClocks,
): Promise<RunningServer> {
  const stops: (() => Promise<unknown>)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const step of stops.reverse()) await step();
    })();
    return stopped;
  };
  try {
    await makeDataDirectory(settings.dataDirectory);
    let { databaseUrl } = settings;
    if (databaseUrl === undefined) {
      const embedded = await startEmbeddedPostgres({
        dir: join(settings.dataDirectory, "postgres"),
        keepRunning: true,
        log: (line) => log.info(line),
      });
      stops.push(() => embedded.stop({ server: "unused" }));
      databaseUrl = embedded.url;
    }
    await migrateDatabase(databaseUrl).catch(refuseDatabase);
    const metrics = createMetrics();
    const database = openStore(databaseUrl, { observe: metrics.observe });
    stops.push(() => database.stop());
    const adminKeyFile = await writeFirstKey(database, settings.dataDirectory);
    const wakeup = await openWakeup(databaseUrl, log);
    stops.push(() => wakeup.stop());
    const agents = await listenForAgents({
      host: settings.agentHost,
      port: settings.agentPort,
      downloadsMax: settings.downloadsMax,
      ...(settings.tls === undefined ? {} : { tls: settings.tls }),
    });
    const scheme = settings.tls === undefined ? "http" : "https";
    const agentUrl = `${scheme}://${settings.agentHost}:${agents.port}`;
    const replicaId = uuid() as ReplicaId;
    const engine = await startEngine({
      database,
      wakeup,
      blobs: openFileBlobs(join(settings.dataDirectory, "blobs")),
      clocks,
      replicaId,
      agentAddress: settings.agentAddress ?? agentUrl,
      log,
      meter: metrics.meter,
    });
    stops.push(() => engine.stop());
    const isServing = () => engine.replica.isLive();
    metrics.serve({ read: (tenant) => readFigures(database.sql, tenant), isLive: isServing });
    agents.serve(engine);
    stops.push(async () => agents.stop(await otherAddresses(database.sql, replicaId).catch(() => [])));
    const api = await serveApi({
      host: settings.host,
      port: settings.port,
      tls: settings.tls,
      insecure: settings.insecure,
      origins: settings.origins,
      door: engineDoor(engine.context),
      audit: (entry) => log.info("viewed" in entry ? "viewed" : "decided", { audit: entry }),
      authenticate: authenticator(engine.context),
      wakeup,
      log,
      isServing,
      metrics: metrics.page,
    });
    stops.push(() => api.stop());
    log.info("serving", { api: api.url, agents: agentUrl });
    return {
      apiUrl: api.url,
      agentUrl,
      databaseUrl,
      ...(adminKeyFile === undefined ? {} : { adminKeyFile }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeDataDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SettingError(
      `--data ${directory} cannot be used as a directory (${code}): name one that this account may write`,
    );
  }
}

/** A database that cannot be used is a setting to mend; anything else is a fault of the migration. Names no URL: it may hold a password. */
function refuseDatabase(error: unknown): never {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  if (/^E[A-Z]+$|^CONNECT_TIMEOUT$/.test(code)) {
    throw new SettingError(`the database cannot be reached (${code}): check DATABASE_URL and that the server runs`);
  }
  if (/^28|^3D000$|^42501$/.test(code)) {
    throw new SettingError(
      `the database refuses this account (${code}): check user, password and name in DATABASE_URL`,
    );
  }
  throw error;
}

/**
 * The first key goes to a file that only its owner reads, before it is a key; the log names the file, never the key. A file
 * that is there already (a start that was cut off, or another database) keeps its secret, which then opens this one too.
 */
async function writeFirstKey(
  database: Parameters<typeof firstAdminKey>[0]["database"],
  dataDirectory: string,
): Promise<string | undefined> {
  const file = join(dataDirectory, "admin.key");
  const made = await firstAdminKey({ database }, async (drawn) => {
    const before = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw new SettingError(`the first admin key cannot be kept in ${file} (${error.code}): move what is there away`);
    });
    if (/^drover_key_[\w-]{43}$/.test(before.trim())) return before.trim();
    const temporary = await open(`${file}.new`, "w", 0o600);
    await temporary.writeFile(`${drawn}\n`);
    await temporary.sync();
    await temporary.close();
    await rename(`${file}.new`, file);
    return drawn;
  });
  return made ? file : undefined;
}
