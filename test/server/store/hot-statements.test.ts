// How Postgres carries out the statements of a placing pass, and of the figures, when most runs have ended, and those that wait are the newest: by
// indexes alone. The plans are those of the real pass, as Postgres itself tells them.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createCatalogue } from "../../../server/engine/catalogue.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { openDatabase } from "../../../server/postgres/connect.ts";
import { driver } from "../../../server/postgres/driver.ts";
import type { Sql } from "../../../server/store/database.ts";
import { readFigures } from "../../../server/store/figures.ts";
import { copyRun, manyMachines } from "../engine/many.ts";
import { begin, startRig, TestMachine, told } from "../engine/rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const plans: string[] = [];
const explained = explainedDatabase();
after(() => explained.end({ timeout: 5 }));

/** On which Postgres tells the plan of each statement. */
function explainedDatabase(): Sql {
  const opened = openDatabase(rig.databaseUrl, {
    max: 2,
    transform: { column: { from: driver.toCamel } },
    connection: {
      session_preload_libraries: "auto_explain",
      "auto_explain.log_min_duration": "0",
      client_min_messages: "log",
    },
    onnotice: ({ message }) => plans.push(message ?? ""),
  });
  Object.assign(opened.options.serializers, sql.options.serializers);
  Object.assign(opened.options.parsers, sql.options.parsers);
  return opened;
}

test("with a long history and a queue behind it no statement of placing looks through a table that grows", async () => {
  const machine = await TestMachine.idle(rig);
  const done = await begin(rig);
  await placeAll(rig.context);
  while ((await machine.report()).lease !== undefined);
  assert.equal(await told(rig, done), "SUCCEEDED AFTER_COMMIT");
  await sql`insert into concurrency_limits (tenant_id, kind, name, max, set_by, set_at)
    values (${rig.tenantId}, 'application', 'notes', 900, 'olga', now())`;
  // A busy fleet and a history first, then what waits.
  await manyMachines(rig, 100);
  await copyRun(rig, await begin(rig), 100);
  await placeAll(rig.context);
  await copyRun(rig, done, 3_000);
  const copies = sql`(
    select id, md5(id::text)::uuid as attempt, md5(id::text || ' lease')::uuid as lease 
    from runs where id <> ${done} and state = 'ended') r`;
  await sql`insert into attempts select x.* from ${copies}, attempts a, jsonb_populate_record(a,
    jsonb_build_object('id', r.attempt, 'run_id', r.id, 'lease_id', r.lease)) x where a.run_id = ${done}`;
  await sql`insert into leases select x.* from ${copies}, leases l, jsonb_populate_record(l,
    jsonb_build_object('id', r.lease, 'attempt_id', r.attempt)) x where l.machine_id = ${machine.id} and l.ended_at is not null`;
  const first = await begin(rig);
  await copyRun(rig, first, 3_000);
  await TestMachine.idle(rig);
  await sql`analyze`;

  const database = { sql: explained, stop: async () => {} };
  await placeAll({ ...rig.context, database, catalogue: createCatalogue() });
  const [busy] = await sql`select count(*)::int as count from machines where status = 'busy'`;
  assert.equal(busy?.["count"], 102);
  for (const [told, statement] of Object.entries({
    makeDue: /update runs set due/,
    poolsToPlace: /select p\.id from pools/,
    readUnclean: /a\.application_version_id, a\.failure/,
    readFree: /offer_id as offer/,
    waitingRoutes: /with recursive waiting[\s\S]*'queued'/,
    queueHead: /select head\.\*/,
    readShares: /left join shares/,
    lockLimits: /from concurrency_limits/,
    countUnderWay: /count\(\*\)::int as count[\s\S]*from leases/,
    lockWaiting: /select \* from runs where id = any/,
    lockFree: /where m\.id = any/,
  })) {
    assert.ok(
      plans.some((plan) => statement.test(plan)),
      told,
    );
  }
  for (const plan of plans) {
    assert.doesNotMatch(plan, /Seq Scan on (runs|attempts|leases|commands|events|artifacts)\b/);
    assert.doesNotMatch(plan, /Scan using (runs|attempts|leases)_by_/);
  }

  plans.length = 0;
  await readFigures(explained, rig.tenantId);
  for (const [told, statement] of Object.entries({ readRunGroups: /as since/, readUnknown: /outcome = 'UNKNOWN'/ })) {
    const plan = plans.find((plan) => statement.test(plan)) ?? assert.fail(told);
    assert.doesNotMatch(plan, /Seq Scan on (runs|attempts|leases)\b/);
    assert.doesNotMatch(plan, /Scan (using|on) (runs|attempts|leases)_by_/);
  }
});
