// What placing one run costs, with a short and a long queue, without and with a long history: `npm run bench:placing`.
//
//   node test/benchmarks/placing.ts [--rounds N] [--history RUNS] [--plans] [--statements]
//
// 500 machines are busy. One becomes free, and one pass of the engine's own placing gives it a run. "wall" is that pass as the
// replica sees it, "Postgres" the processor time of the replica's two backends for it, which does not grow when others want the
// processor. Each round does it once in each database, in an order that changes, so that whatever else the machine does at the
// time falls on all of them. Postgres runs with the product's settings, but that it does not wait for its disk. Ends with code 1
// when a ratio is above 1.2. On Linux alone, with 10 GB to spare in the folder for temporary files.
//
// `--statements` also tells which statements the time of Postgres went to, those of the benchmark itself among them.
// `--plans` writes the plans of all statements of such a pass, with the longest queue and history, into docs/hot-queries.md.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EngineContext } from "../../server/engine/context.ts";
import { placeAll } from "../../server/engine/placing.ts";
import { openDatabase, withDatabase } from "../../server/postgres/connect.ts";
import { removeEmbeddedPostgres, startEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { type Database, migrateDatabase, openStore, type Query } from "../../server/store/database.ts";
import {
  freeOne,
  machines,
  makeBusy,
  makeFleet,
  makeHistory,
  makeQueue,
  openReplica,
  type Shape,
} from "./placing-fleet.ts";
import { writePlans } from "./placing-plans.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "150" },
    history: { type: "string", default: "1000000" },
    plans: { type: "boolean", default: false },
    statements: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const history = Number(values.history);
const ratioMax = 1.2;
/** Passes in each database before the first that counts. */
const warmUps = 10;

const many: Shape = { workflows: 5, callers: 8 };
const one: Shape = { workflows: 1, callers: 1 };

interface Case {
  readonly name: string;
  readonly shape: Shape;
  readonly waiting: number;
  readonly finished: number;
}
const cases = [
  { name: "short", shape: many, waiting: 500, finished: 0 },
  { name: "long", shape: many, waiting: 50_000, finished: 0 },
  { name: "short_old", shape: many, waiting: 500, finished: history },
  { name: "long_old", shape: many, waiting: 50_000, finished: history },
  { name: "short_one", shape: one, waiting: 500, finished: 0 },
  { name: "long_one", shape: one, waiting: 50_000, finished: 0 },
] as const satisfies readonly Case[];
type Name = (typeof cases)[number]["name"];

/** What is asked: the second may cost so much more than the first. */
const questions: readonly (readonly [Name, Name, string])[] = [
  ["short", "long", "500 -> 50,000 waiting"],
  ["short_old", "long_old", "500 -> 50,000 waiting, long history"],
  ["short_one", "long_one", "500 -> 50,000 waiting in one route"],
  ["short", "short_old", `0 -> ${history.toLocaleString("en")} finished, 500 waiting`],
  ["long", "long_old", `0 -> ${history.toLocaleString("en")} finished, 50,000 waiting`],
  ["short", "long_old", "both"],
];

const tell = (text: string) => process.stderr.write(`${text}\n`);
const quantile = (times: readonly number[], share: number) =>
  [...times].sort((a, b) => a - b)[Math.floor(share * (times.length - 1))] ?? Number.NaN;
const median = (times: readonly number[]) => quantile(times, 0.5);

/** The databases, each made once: those with a history are copies of one another. */
async function makeDatabases(url: string, administer: ReturnType<typeof openDatabase>): Promise<void> {
  const within = async (name: string, work: (url: string) => Promise<void>) => {
    await work(withDatabase(url, name));
    tell(`made ${name}`);
  };
  const create = (name: string, template: string) =>
    administer`create database ${administer(name)} template ${administer(template)} strategy file_copy`;
  for (const { name, shape, waiting, finished } of cases) {
    const like = cases.find((each) => each.shape === shape && each.finished === finished);
    await create(name, like === undefined || like.name === name ? "template1" : like.name);
    await within(name, async (own) => {
      if (like?.name === name) {
        await migrateDatabase(own);
        const context = openReplica(own);
        const tenantId = await makeFleet(context, shape);
        await makeHistory(context.database.sql, finished);
        await makeBusy(context, tenantId, shape);
        await context.database.stop();
      }
      const { sql, stop } = openStore(own, { connectionsMax: 1 });
      await makeQueue(sql, waiting);
      await sql`vacuum analyze`;
      await stop();
    });
  }
}

/** How long a process that is at rest has had a processor up to now, to the nanosecond. */
const processorMs = (pid: number) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;

interface Cost {
  readonly wallMs: number;
  readonly postgresMs: number;
}

async function measure(url: string, administer: ReturnType<typeof openDatabase>): Promise<Record<Name, Cost[]>> {
  const open = <T>(make: (url: string) => T) => new Map(cases.map(({ name }) => [name, make(withDatabase(url, name))]));
  const replicas: ReadonlyMap<Name, EngineContext> = open(openReplica);
  // What is done between the passes is done on connections of its own.
  const others: ReadonlyMap<Name, Database> = open((own) => openStore(own, { connectionsMax: 1 }));
  const costs: Record<Name, Cost[]> = { short: [], long: [], short_old: [], long_old: [], short_one: [], long_one: [] };
  const backends = new Map<Name, readonly number[]>();
  for (const [name, { database }] of replicas) {
    const pid = (query: Query) => query<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const rows = [...(await pid(database.sql)), ...(await database.sql.begin(pid))];
    backends.set(
      name,
      rows.map((row) => row.pid),
    );
  }
  const counted = (name: Name) => (backends.get(name) ?? []).reduce((sum, pid) => sum + processorMs(pid), 0);
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name } of cases.map((_, n) => cases[(n + round + warmUps) % cases.length] ?? cases[0])) {
      const [context, sql] = [replicas.get(name), others.get(name)?.sql];
      assert.ok(context !== undefined && sql !== undefined);
      const machine = await freeOne(sql, round + warmUps);
      const before = counted(name);
      const began = performance.now();
      await placeAll(context);
      const wallMs = performance.now() - began;
      const postgresMs = counted(name) - before;
      const [row] = await sql`select status from machines where id = ${machine}`;
      assert.equal(row?.["status"], "busy");
      if (round >= 0) costs[name].push({ wallMs, postgresMs });
    }
    // What a connection does for the first times is not counted.
    if (round === -1) await administer`select pg_stat_statements_reset()`;
    if (round % 50 === 0) tell(`round ${round}`);
  }
  for (const { database } of replicas.values()) await database.stop();
  for (const database of others.values()) await database.stop();
  if (values.statements) await tellStatements(administer);
  return costs;
}

/** Which statements the time of Postgres went to: milliseconds in a pass, in the order of the cases. */
async function tellStatements(administer: ReturnType<typeof openDatabase>): Promise<void> {
  const rows = await administer<{ query: string; name: Name; ms: number }[]>`
    select regexp_replace(query, '\\s+', ' ', 'g') as query, d.datname as name,
      sum(total_exec_time + total_plan_time)::float8 / ${rounds} as ms
    from pg_stat_statements s join pg_database d on d.oid = s.dbid
    where d.datname = any(${cases.map(({ name }) => name)}) group by 1, 2`;
  const most = [...Map.groupBy(rows, ({ query }) => query)]
    .map(([query, of]) => ({ query, times: cases.map(({ name }) => of.find((row) => row.name === name)?.ms ?? 0) }))
    .sort((a, b) => Math.max(...b.times) - Math.max(...a.times));
  console.log("");
  for (const { query, times } of most.slice(0, 25)) {
    console.log(`${times.map((ms) => ms.toFixed(2).padStart(6)).join(" ")}  ${query.trim().slice(0, 90)}`);
  }
}

/** True if no ratio is above what is allowed. */
function tellCosts(costs: Record<Name, Cost[]>): boolean {
  const text = (times: readonly number[]) =>
    `${median(times).toFixed(2).padStart(7)} (${quantile(times, 0.25).toFixed(2)} - ${quantile(times, 0.75).toFixed(2)})`.padEnd(
      24,
    );
  const machine = `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}`;
  console.log(`node ${["test/benchmarks/placing.ts", ...process.argv.slice(2)].join(" ")}\n${machine}`);
  console.log(`${machines} machines, one becomes free, one run is placed; ${rounds} rounds; ms: median (quartiles)\n`);
  console.log(
    `${"waiting".padStart(8)} ${"routes".padStart(6)} ${"finished".padStart(9)}   wall${" ".repeat(20)}Postgres`,
  );
  for (const { name, shape, waiting, finished } of cases) {
    const counts = [
      String(waiting).padStart(8),
      String(shape.workflows * shape.callers).padStart(6),
      String(finished).padStart(9),
    ];
    const { wall, postgres } = timesOf(costs[name]);
    console.log(`${counts.join(" ")} ${text(wall)}${text(postgres)}`);
  }
  console.log(`\n${"ratio of the medians, at most 1.2".padEnd(48)} wall  Postgres`);
  let within = true;
  for (const [from, to, what] of questions) {
    const [a, b] = [timesOf(costs[from]), timesOf(costs[to])];
    const ratios = [median(b.wall) / median(a.wall), median(b.postgres) / median(a.postgres)];
    within &&= ratios.every((ratio) => ratio <= ratioMax);
    console.log(
      `${what.padEnd(48)} ${ratios.map((ratio) => `${ratio.toFixed(2)}${ratio > ratioMax ? " !" : "  "}`).join("  ")}`,
    );
  }
  return within;
}

const timesOf = (costs: readonly Cost[]) => ({
  wall: costs.map(({ wallMs }) => wallMs),
  postgres: costs.map(({ postgresMs }) => postgresMs),
});

const directory = mkdtempSync(join(tmpdir(), "drover-placing-"));
// Postgres's account passes through it when this runs as root.
chmodSync(directory, 0o711);
const home = join(directory, "postgres");
try {
  const settings = {
    shared_preload_libraries: "pg_stat_statements,auto_explain",
    "pg_stat_statements.track_planning": "on",
    ...{ fsync: "off", synchronous_commit: "off", max_wal_size: "4GB" },
  };
  const server = await startEmbeddedPostgres({ dir: home, settings });
  const administer = openDatabase(server.url, { max: 1, onnotice: () => {} });
  await administer`create extension pg_stat_statements`;
  await makeDatabases(server.url, administer);
  process.exitCode = tellCosts(await measure(server.url, administer)) ? 0 : 1;
  if (values.plans) await writePlans(withDatabase(server.url, "long_old"), join(home, "postgres.log"));
  await administer.end();
} finally {
  await removeEmbeddedPostgres(home);
  rmSync(directory, { recursive: true, force: true });
}
