// The connection to Postgres: queries are postgres.js's tagged templates, prepared on the server and pipelined. drizzle
// holds the schema and carries out the migrations.

import type postgres from "postgres";
import { openDatabase } from "../postgres/connect.ts";
import { driver } from "../postgres/driver.ts";
import type { Instant } from "../rules/names.ts";
import { tellCommitted } from "./after-commit.ts";
import { type Observe, observed } from "./observed.ts";

export type Sql = postgres.Sql;
/** Inside a transaction. */
export type Tx = postgres.TransactionSql;
/** Either. */
export type Query = postgres.ISql;

export interface Database {
  readonly sql: Sql;
  stop(): Promise<void>;
}

/** Anything but somebody else's number: the advisory lock under which migrations run. */
const migrationLock = 7_243_190_117;

/**
 * A transaction in which nothing is done for so long is ended by Postgres. A replica that stands still in the middle of one would
 * hold up whoever wants its locks, and all watchers of many runs (`event-stream.ts`), for as long as its connection lives.
 */
const idleInTransactionMs = 15_000;

/** Type ids of pg_type. */
const timestamptz = 1184;
const bigint = 20;
const jsonb = 3802;

export interface StoreOptions {
  /** Bounds the connections of statements and those of transactions, each by itself. */
  readonly connectionsMax?: number;
  /** Is told how each statement and each transaction went. */
  readonly observe?: Observe;
}

/** Connects. */
export function openStore(databaseUrl: string, options: StoreOptions = {}): Database {
  const open = (connection: postgres.Options<never>["connection"] = {}) =>
    openDatabase(databaseUrl, {
      connection,
      max: options.connectionsMax ?? 12,
      connect_timeout: 5,
      // A server that is coming back is dialled again soon.
      backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 1),
      onnotice: () => {},
      transform: { column: { from: driver.toCamel } },
    });
  const statements = open();
  // Transactions have connections of their own, on which nothing is ever pipelined before a BEGIN. Where statements are,
  // postgres.js forgets to reserve the connection when BEGIN is the last that its pipeline or its socket takes, and
  // strangers' statements then run inside that transaction (its issues 823 and 1189; test/server/store/pressure.test.ts).
  const transactions = open({ idle_in_transaction_session_timeout: idleInTransactionMs });
  statements.begin = async <T>(...args: [(tx: Tx) => T | Promise<T>] | [string, (tx: Tx) => T | Promise<T>]) => {
    const [settings, work] = args.length === 1 ? ["", args[0]] : args;
    let begun: Tx | undefined;
    const done = await transactions.begin(settings, (tx) => {
      begun = tx;
      return work(tx);
    });
    if (begun !== undefined) tellCommitted(begun);
    return done;
  };
  for (const { options: shared } of [statements, transactions]) {
    // An instant is a number everywhere in the program (rules/names.ts), and so are 64-bit integers, none of which can
    // pass 2^53 here.
    shared.parsers[timestamptz] = (text: string): Instant =>
      Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
    shared.serializers[timestamptz] = (value: unknown) =>
      typeof value === "number" ? new Date(value).toISOString() : value;
    shared.parsers[bigint] = Number;
    shared.serializers[jsonb] = (value: unknown) => value;
  }
  return {
    sql: options.observe === undefined ? statements : observed(statements, options.observe),
    async stop() {
      await Promise.all([statements.end({ timeout: 5 }), transactions.end({ timeout: 5 })]);
    },
  };
}

/** Brings the schema up to date. Any number of processes may call it at once: one migrates, the others wait. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  // Here and not above: it imports postgres.js, which is mended while it is loaded.
  const [{ drizzle }, { migrate }] = await Promise.all([
    import("drizzle-orm/postgres-js"),
    import("drizzle-orm/postgres-js/migrator"),
  ]);
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

/** A value for a jsonb column, as the text that the column is given. */
export const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
