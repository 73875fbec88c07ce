// Which database URLs Drover takes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase, socketUrl, withDatabase } from "../../../server/postgres/connect.ts";
import { testDatabase } from "../../support/postgres.ts";

test("a socket's directory may be written as the host or as a parameter, blanks and commas included", () => {
  const directory = "/run/a b,c/é";
  const asHost = openDatabase(socketUrl({ socketDirectory: directory, user: "me", database: "db" }));
  const asParameter = openDatabase(`postgres:///db?host=${encodeURIComponent(directory)}&application_name=x`);
  for (const sql of [asHost, asParameter]) {
    assert.equal(sql.options.path, `${directory}/.s.PGSQL.5432`);
    assert.equal(sql.options.database, "db");
    assert.equal("host" in sql.options.connection, false);
  }
  assert.equal(asHost.options.user, "me");
  assert.equal(asParameter.options.connection.application_name, "x");
});

test("a URL of a server on the network is left to postgres.js as it is", () => {
  const sql = openDatabase("postgres://me:p%40ss@db.example:6543/name?sslmode=require");
  assert.deepEqual(sql.options.host, ["db.example"]);
  assert.deepEqual(sql.options.port, [6543]);
  assert.equal(sql.options.pass, "p@ss");
  assert.equal(sql.options.ssl, "require");
});

test("an address that is no URL of Postgres is refused without being repeated", () => {
  assert.throws(
    () => openDatabase("me:secret word@db"),
    (error: Error) => !error.message.includes("secret"),
  );
  assert.throws(
    () => openDatabase("mysql://me:secret@db/x"),
    (error: Error) => /mysql:/.test(error.message) && !error.message.includes("secret"),
  );
});

test("another database of the same server keeps user, host and parameters", () => {
  assert.equal(
    withDatabase("postgres://me@%2Frun%2Fpg/a?sslmode=disable", "b"),
    "postgres://me@%2Frun%2Fpg/b?sslmode=disable",
  );
});

test("every test database is fresh, and is gone after it was dropped, connections or not", async (t) => {
  const [one, two] = [await testDatabase(t), await testDatabase(t)];
  assert.notEqual(one.url, two.url);
  const [first, second] = [openDatabase(one.url, { max: 1 }), openDatabase(two.url, { max: 1 })];
  t.after(() => Promise.all([first.end({ timeout: 1 }), second.end({ timeout: 1 })]));
  await first`create table only_here (v int)`;
  const found = await second`select 1 from pg_tables where tablename = 'only_here'`;
  assert.equal(found.length, 0);
  await one.drop();
  const left = await second`select 1 from pg_database where datname = ${new URL(one.url).pathname.slice(1)}`;
  assert.equal(left.length, 0);
});
