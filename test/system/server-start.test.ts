// A server that cannot start says so in one line, and the first admin key is never lost.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { openDatabase } from "../../server/postgres/connect.ts";
import { createDatabase } from "../support/postgres.ts";
import { until } from "../support/product.ts";

const drover = resolve(import.meta.dirname, "../../drover.ts");
const dir = mkdtempSync(join(tmpdir(), "drover-start-"));
const database = await createDatabase();
after(async () => {
  await database.drop();
  rmSync(dir, { recursive: true, force: true });
});

const command = (...args: readonly string[]) => ["--disable-warning=ExperimentalWarning", drover, "server", ...args];
const ports = ["--port", "0", "--agent-port", "0"];
const env = { ...process.env, DATABASE_URL: database.url };

for (const [what, args, databaseUrl, says] of [
  [
    "a certificate that is none",
    ["--tls-cert", drover, "--tls-key", drover],
    database.url,
    /--tls-cert and --tls-key are not/,
  ],
  ["a data directory that is a file", ["--data", drover], database.url, /--data .* cannot be used as a directory/],
  ["an address for agents that is none", ["--agent-address", "bogus"], database.url, /--agent-address must be a URL/],
  [
    "a database that is not there",
    [],
    "postgres://u:secret@127.0.0.1:1/x",
    /the database cannot be reached \(ECONNREFUSED\)/,
  ],
] as const) {
  test(`${what} is one clear line and exit 2`, () => {
    const flags = args.includes("--data" as never) ? args : ["--data", join(dir, "data"), ...args];
    const { status, stderr } = spawnSync(process.execPath, command(...ports, ...flags), {
      env: { ...env, DATABASE_URL: databaseUrl },
      encoding: "utf8",
      timeout: 30_000,
    });
    assert.match(stderr, says);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(status, 2);
  });
}

test("the first admin key is made only once it is kept: what is in its way loses nothing", async () => {
  const data = join(dir, "kept");
  const file = join(data, "admin.key");
  mkdirSync(file, { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, command(...ports, "--data", data), { env, encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /the first admin key cannot be kept/);
  const sql = openDatabase(database.url, { max: 1 });
  try {
    assert.equal((await sql`select 1 from keys`).length, 0);
    rmdirSync(file);
    const secret = `drover_key_${"a".repeat(43)}`;
    // As a start leaves it that was cut off between keeping the key and saving it.
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    const server: ChildProcess = spawn(process.execPath, command(...ports, "--data", data), { env, stdio: "ignore" });
    await until("the key is made", async () => (await sql`select 1 from keys`).length === 1);
    server.kill("SIGTERM");
    await until("the server ends", () => server.exitCode !== null || server.signalCode !== null);
    const [row] = await sql`select encode(secret_hash, 'hex') as hash from keys`;
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
    assert.equal(row?.["hash"], Buffer.from(hash).toString("hex"));
    assert.equal(readFileSync(file, "utf8"), `${secret}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  } finally {
    await sql.end();
  }
});
