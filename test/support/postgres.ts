// A real Postgres for tests: one server for many tests, one fresh database for each that asks.
//
// `node test/run.ts` starts the server, names it in DROVER_TEST_DATABASE_URL and stops it at the end. A test file that is
// run by itself starts one of its own on first use and stops it after its last test.

import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { openDatabase, withDatabase } from "../../server/postgres/connect.ts";
import {
  type EmbeddedPostgres,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../server/postgres/embedded.ts";

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Tests kill processes, not power supplies: what Postgres wrote survives them without being flushed to the disk. */
export const testServerSettings = { fsync: "off", synchronous_commit: "off", max_connections: "300" };

let ownServer: Promise<EmbeddedPostgres> | undefined;
let ownDirectory: string | undefined;
/** Hooks of a file run in the order in which they were registered, so the server may end before a database is dropped. */
let ownServerEnded = false;

/** A fresh, empty database. It is dropped when `t` is over; called at the top of a file without `t`, when the file is. */
export async function testDatabase(t?: TestContext): Promise<TestDatabase> {
  const database = await createDatabase();
  (t?.after.bind(t) ?? after)(() => database.drop());
  return database;
}

export async function createDatabase(): Promise<TestDatabase> {
  const server = process.env["DROVER_TEST_DATABASE_URL"] ?? (await ownServerUrl());
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(server, (sql) => sql`create database ${sql(name)}`);
  return {
    url: withDatabase(server, name),
    // By force: a test that fails may leave connections open.
    drop: async () => {
      if (ownServerEnded) return;
      await administer(server, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
    },
  };
}

async function administer(url: string, work: (sql: ReturnType<typeof openDatabase>) => PromiseLike<unknown>) {
  const sql = openDatabase(url, { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function ownServerUrl(): Promise<string> {
  ownServer ??= startOwnServer();
  return (await ownServer).url;
}

async function startOwnServer(): Promise<EmbeddedPostgres> {
  ownDirectory = temporaryDirectory();
  return startEmbeddedPostgres({ dir: join(ownDirectory, "postgres"), settings: testServerSettings });
}

/** One that Postgres's account may pass through, which mkdtemp's 0700 does not allow when tests run as root. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "drover-test-"));
  chmodSync(directory, 0o711);
  return directory;
}

// Here and not where the server is started: called inside a test, `after` would belong to that test.
after(async () => {
  if (ownServer === undefined || ownDirectory === undefined) return;
  ownServerEnded = true;
  await (await ownServer).stop();
  await removeEmbeddedPostgres(join(ownDirectory, "postgres"));
  rmSync(ownDirectory, { recursive: true, force: true });
});
