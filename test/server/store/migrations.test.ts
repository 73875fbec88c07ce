// The schema comes up to date once, however many processes ask at once.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { migrateDatabase, openStore } from "../../../server/store/database.ts";
import { testDatabase } from "../../support/postgres.ts";

const child = `
  const { migrateDatabase } = await import(${JSON.stringify(new URL("../../../server/store/database.ts", import.meta.url).href)});
  await migrateDatabase(process.env.URL_TO_MIGRATE);
`;

const inChild = (url: string) =>
  new Promise<number | null>((resolve, reject) => {
    const started = spawn(process.execPath, ["--input-type=module-typescript", "-e", child], {
      env: { ...process.env, URL_TO_MIGRATE: url, NODE_OPTIONS: "--disable-warning=ExperimentalWarning" },
      stdio: ["ignore", "ignore", "inherit"],
    });
    started.once("error", reject);
    started.once("exit", resolve);
  });

test("two processes and six connections migrate one database at once: each migration is done once", async (t) => {
  const { url } = await testDatabase(t);
  const codes = await Promise.all([
    inChild(url),
    inChild(url),
    ...Array.from({ length: 6 }, () => migrateDatabase(url)),
  ]);
  assert.deepEqual(codes.slice(0, 2), [0, 0]);
  const { sql, stop } = openStore(url);
  t.after(stop);
  const done = await sql`select hash from drizzle.__drizzle_migrations`;
  assert.equal(new Set(done.map((row) => row["hash"])).size, done.length);
  assert.ok(done.length > 0);
  await migrateDatabase(url);
  assert.equal((await sql`select hash from drizzle.__drizzle_migrations`).length, done.length);
});
