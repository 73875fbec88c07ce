// The connection to Postgres: ordinary queries through drizzle, hot ones through postgres.js's tagged templates (which
// are prepared on the server and pipelined), all of them in one pool.

import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { openDatabase } from "../postgres/connect.ts";
import type { Instant } from "../rules/names.ts";
import * as schema from "./schema/index.ts";

export type Sql = postgres.Sql;
/** Inside a transaction. */
export type Tx = postgres.TransactionSql;
/** Either. */
export type Query = postgres.ISql;

export interface Database {
  readonly sql: Sql;
  readonly drizzle: PostgresJsDatabase<typeof schema>;
  stop(): Promise<void>;
}

/** Anything but somebody else's number: the advisory lock under which migrations run. */
const migrationLock = 7_243_190_117;

/** Type ids of pg_type. */
const timestamptz = 1184;
const bigint = 20;

/** Connects. `connectionsMax` bounds the pool. */
export function openStore(databaseUrl: string, options: { readonly connectionsMax?: number } = {}): Database {
  const sql = openDatabase(databaseUrl, {
    max: options.connectionsMax ?? 16,
    connect_timeout: 5,
    // A server that is coming back is dialled again soon.
    backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 1),
    onnotice: () => {},
    transform: { column: { from: postgres.toCamel } },
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
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  const sql = openDatabase(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(${migrationLock})`;
    await migrate(drizzle(sql), { migrationsFolder: new URL("./migrations", import.meta.url).pathname });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Postgres's clock, read once per pass: all time that decides comes from here. */
export async function readNow(query: Query): Promise<Instant> {
  const [row] = await query<{ now: Instant }[]>`select clock_timestamp()::timestamptz(3) as now`;
  if (row === undefined) throw new Error("Postgres did not tell the time");
  return row.now;
}

/** A value for a jsonb column: drizzle took over postgres.js's own serialisation of JSON, so it is passed as text. */
export const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
