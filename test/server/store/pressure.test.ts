// Transactions under pressure: postgres.js sends BEGIN without reserving the connection when its pipeline or its socket is
// full (its issues 823 and 1189); strangers' statements then run inside that transaction and are lost with it (G5).

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openStore } from "../../../server/store/database.ts";
import { testDatabase } from "../../support/postgres.ts";

const { url } = await testDatabase();
const database = openStore(url, { connectionsMax: 4 });
after(() => database.stop());

test("a burst of statements with a transaction after each hundred loses nothing and leaves none open", async () => {
  const { sql } = database;
  await sql`create table written (n int primary key)`;
  const count = 1_500;
  // A pipeline holds a hundred: on a shared connection the BEGIN would be the one too many.
  const writes = Array.from({ length: count }, (_, n) =>
    n % 101 === 100
      ? sql.begin(async (tx) => tx`insert into written values (${n})`)
      : sql`insert into written values (${n})`.execute(),
  );
  const failed = (await Promise.allSettled(writes)).filter((write) => write.status === "rejected");
  assert.deepEqual(failed, []);
  const [row] = await sql<{ written: number }[]>`select count(*)::int as written from written`;
  assert.equal(row?.written, count);
  const open = await sql`
    select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`;
  assert.equal(open.length, 0);
});
