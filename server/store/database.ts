// The connection to Postgres: ordinary queries through drizzle, hot ones through postgres.js's tagged templates (which
// are prepared on the server and pipelined), all of them in one pool.

import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import type { Instant } from "../rules/names.ts";
import * as schema from "./schema/index.ts";

export type Sql = postgres.Sql;
/** Inside a transaction. */
export type Tx = postgres.TransactionSql;

export interface Database {
  readonly sql: Sql;
  readonly drizzle: PostgresJsDatabase<typeof schema>;
  stop(): Promise<void>;
}

/** Anything but our own number: the advisory lock under which migrations run. */
const migrationLock = 7_243_190_117;

/** Type ids of pg_type. */
const timestamptz = 1184;
const bigint = 20;

/**
 * Connects. `url` is what `DATABASE_URL` holds; a unix socket is written as `?host=/directory` (see server/postgres).
 * `connectionsMax` bounds the pool.
 */
export function openDatabase(url: string, options: { connectionsMax?: number; onNotice?: () => void } = {}): Database {
  const sql = postgres(url, {
    max: options.connectionsMax ?? 16,
    // A lost connection is found by the query that uses it; the pool then dials again.
    connect_timeout: 5,
    onnotice: options.onNotice ?? (() => {}),
    transform: { undefined: null },
  });
  const database = drizzle(sql, { schema, casing: "snake_case" });
  // After drizzle, which sets its own: an instant is a number everywhere in the program (rules/names.ts), and so are
  // 64-bit integers, none of which can pass 2^53 here.
  sql.options.parsers[timestamptz] = (text: string): Instant =>
    Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
  sql.options.serializers[timestamptz] = (value: unknown) =>
    typeof value === "number" ? new Date(value).toISOString() : value;
  sql.options.parsers[bigint] = Number;
  return { sql, drizzle: database, stop: () => sql.end({ timeout: 5 }) };
}

/** Brings the schema up to date. Any number of processes may call it at once: one migrates, the others wait. */
export async function migrateDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(${migrationLock})`;
    await migrate(drizzle(sql), { migrationsFolder: new URL("./migrations", import.meta.url).pathname });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
