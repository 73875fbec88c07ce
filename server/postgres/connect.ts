// Opens a Postgres client from a URL: the one place that knows which URLs Drover takes.
//
//   postgres://user:secret@host:5432/name?sslmode=require     a server on the network
//   postgres://user@%2Frun%2Fdrover%2Fsocket/name              a Unix socket in that directory (as libpq writes it)
//   postgres:///name?host=/run/postgresql                      the same, in the other way that libpq knows
//
// postgres.js decodes neither of the last two, so every client must be opened here and not by `postgres(url)`; nor may
// anything import it but for its types, because it is mended while it is loaded (`driver.ts`).

import type postgres from "postgres";
import { driver } from "./driver.ts";

export type DatabaseClientOptions = postgres.Options<Record<string, postgres.PostgresType>>;

export function openDatabase(databaseUrl: string, options: DatabaseClientOptions = {}): postgres.Sql {
  const { url, socketDirectory } = readDatabaseUrl(databaseUrl);
  return driver(url, socketDirectory === undefined ? options : { ...options, host: socketDirectory });
}

export function socketUrl(address: { socketDirectory: string; user: string; database: string }): string {
  const { socketDirectory, user, database } = address;
  return `postgres://${encodeURIComponent(user)}@${encodeURIComponent(socketDirectory)}/${encodeURIComponent(database)}`;
}

/** The same server and user, another database. */
export function withDatabase(databaseUrl: string, database: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

function readDatabaseUrl(databaseUrl: string): { url: string; socketDirectory?: string } {
  // The URL may hold a password, so no error of ours repeats it.
  if (!URL.canParse(databaseUrl)) throw new Error("The database URL is not a URL (postgres://user@host:5432/name).");
  const url = new URL(databaseUrl);
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw new Error(`The database URL begins with ${url.protocol} but must begin with postgres:`);
  }
  const asked = url.searchParams.get("host") ?? decodeURIComponent(url.hostname);
  if (!asked.startsWith("/")) return { url: databaseUrl };
  // Left in the query, postgres.js would send `host` to the server as a setting.
  url.searchParams.delete("host");
  return { url: url.href, socketDirectory: asked };
}
