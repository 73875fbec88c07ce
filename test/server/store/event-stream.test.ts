// The order in which the events of many runs are told (G8): nothing comes in behind a reader, whatever the transactions do that
// write them, on whichever replica; and readers that order by less are caught at missing some.

import assert from "node:assert/strict";
import { test } from "node:test";
import { v7 as uuid } from "uuid";
import type { ReplicaId, RunId, TenantId } from "../../../server/rules/names.ts";
import { openStore, readNow, type Sql, type Tx } from "../../../server/store/database.ts";
import { type EventPosition, eventsBehind, newestEvent } from "../../../server/store/event-stream.ts";
import { appendEvents } from "../../../server/store/events.ts";
import { renewReplica } from "../../../server/store/replicas.ts";
import { until } from "../../agent/desktop/until.ts";
import { planOf } from "../../support/explaining.ts";
import { anotherTenant, begin, put, startRig, workflowSource } from "../engine/rig.ts";

const rig = await startRig();
const { sql } = rig.database;
/** Another replica's. */
const other = openStore(rig.databaseUrl);
/** A connection each, for transactions that stay open. */
const stores = Array.from({ length: 4 }, () => openStore(rig.databaseUrl, { connectionsMax: 1 }));
const sessions = stores.map((store) => store.sql);
test.after(() => Promise.all([other, ...stores].map((store) => store.stop())));

const start: EventPosition = { tx: "0", runId: "00000000-0000-0000-0000-000000000000" as RunId, number: 0 };
const step = { kind: "STEP_STARTED", step: "s", attempt: 1, machine: "m" } as const;

/** As the engine does: under the run's lock, by its counter. */
async function append(session: Sql, runId: RunId, count: number): Promise<void> {
  const [run] = await session<{ last: number }[]>`select last_event as last from runs where id = ${runId} for update`;
  assert.ok(run !== undefined);
  const bodies = Array.from({ length: count }, () => step);
  await appendEvents(session as unknown as Tx, runId, run.last, bodies, await readNow(session));
  await session`update runs set last_event = last_event + ${count} where id = ${runId}`;
}

const name = ({ runId, number }: { readonly runId: RunId; readonly number: number }) => `${runId} ${number}`;

/** All that the tenant's runs have to tell, by a watch from the beginning. */
async function tellAll(query: Sql, tenantId: TenantId, limit = 100): Promise<string[]> {
  const told: string[] = [];
  let position = start;
  for (const began = performance.now(); ; ) {
    const { events, readTo, isFull, isHeldUp } = await eventsBehind(query, tenantId, {}, position, limit);
    told.push(...events.map(name));
    position = readTo;
    if (!isFull && !isHeldUp) return told;
    assert.ok(performance.now() - began < 10_000, `only these are told: ${told}`);
  }
}

/** Transactions of other tests hold up what is written here: they are on the same server. */
const settled = (tenantId: TenantId) =>
  until("all is settled", async () => !(await eventsBehind(sql, tenantId, {}, start, 1)).isHeldUp);

test("what began to write first and commits last is told first, and holds up what was written after it", async () => {
  const own = await anotherTenant(rig);
  const [one, two] = [await begin(own), await begin(own)];
  await settled(own.tenantId);
  const { position } = await newestEvent(sql, own.tenantId);
  const [first, second] = sessions as [Sql, Sql];
  await first`begin`;
  await append(first, one, 2);
  await append(second, two, 1);
  for (const query of [sql, other.sql]) {
    const read = await eventsBehind(query, own.tenantId, {}, position, 10);
    assert.deepEqual([read.events, read.readTo, read.isHeldUp], [[], position, true]);
  }
  await first`commit`;
  await settled(own.tenantId);
  for (const query of [sql, other.sql]) {
    const { events } = await eventsBehind(query, own.tenantId, {}, position, 10);
    assert.deepEqual(events.map(name), [`${one} 2`, `${one} 3`, `${two} 2`]);
  }
});

test("a transaction of a replica that stands still holds up nobody for long", async () => {
  const [row] = await sql.begin((tx) => tx`show idle_in_transaction_session_timeout`);
  assert.equal(row?.["idleInTransactionSessionTimeout"], "15s");
});

test("events of one run keep their order, whichever transaction had its id first", async () => {
  const own = await anotherTenant(rig);
  const run = await begin(own);
  const [first, second] = sessions as [Sql, Sql];
  await first`begin`;
  await first`select pg_current_xact_id()`;
  await append(second, run, 1);
  await append(first, run, 1);
  await first`commit`;
  assert.deepEqual(
    await tellAll(sql, own.tenantId),
    [1, 2, 3].map((number) => `${run} ${number}`),
  );
});

/** Numbers from 0 to below 1, the same for the same seed. */
function draws(seed: number) {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 1 | state) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Watcher {
  readonly told: { readonly name: string; readonly position: EventPosition }[];
  position: EventPosition;
}

/** Readers that ask for less; each in its own order, from the last that it saw on. */
const naive = {
  byTime: (query: Sql, tenant: TenantId, after: readonly unknown[]) => query`
    select run_id as "runId", number, array[to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), run_id::text, number::text] as key from events
    where tenant_id = ${tenant} and (at, run_id, number) > (${String(after[0] ?? "1970-01-01")}::timestamp,
      ${String(after[1] ?? start.runId)}::uuid, ${Number(after[2] ?? 0)}::int) order by at, run_id, number`,
  byTransaction: (query: Sql, tenant: TenantId, after: readonly unknown[]) => query`
    select run_id as "runId", number, array[tx::text, run_id::text, number::text] as key from events
    where tenant_id = ${tenant} and (tx, run_id, number) > (${String(after[0] ?? "0")}::xid8,
      ${String(after[1] ?? start.runId)}::uuid, ${Number(after[2] ?? 0)}::int) order by tx, run_id, number`,
  /** Settled, but by the writing transaction's own id. */
  byOwnId: (query: Sql, tenant: TenantId, after: readonly unknown[]) => query`
    select run_id as "runId", number, array[e.xmin::text, run_id::text, number::text] as key from events e
    where tenant_id = ${tenant} and tx < pg_snapshot_xmin(pg_current_snapshot())
      and (e.xmin::text::bigint, run_id, number) > (${String(after[0] ?? "0")}::bigint,
      ${String(after[1] ?? start.runId)}::uuid, ${Number(after[2] ?? 0)}::int) order by e.xmin::text::bigint, run_id, number`,
};
type Naive = keyof typeof naive;

/** One order of things, drawn by the seed; returns which naive readers it has caught. */
async function interleave(seed: number): Promise<Set<Naive>> {
  const draw = draws(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)] as T;
  const own = await anotherTenant(rig);
  const runs = [await begin(own), await begin(own), await begin(own)];
  const watchers = Array.from({ length: 3 }, (): Watcher => ({ told: [], position: start }));
  const naiveTold = { byTime: [], byTransaction: [], byOwnId: [] } as Record<Naive, string[]>;
  const naiveAfter = { byTime: [], byTransaction: [], byOwnId: [] } as Record<Naive, readonly unknown[]>;
  const open = new Map<Sql, Set<RunId>>();

  async function read(watcher: Watcher): Promise<boolean> {
    const query = pick([sql, other.sql]);
    if (draw() < 0.15 && watcher.told.length > 0) {
      // Its connection is lost: it comes back with the cursor of any message that it had read.
      watcher.told.length = Math.floor(draw() * watcher.told.length);
      watcher.position = watcher.told.at(-1)?.position ?? start;
    }
    const got = await eventsBehind(query, own.tenantId, {}, watcher.position, 1 + Math.floor(draw() * 4));
    watcher.told.push(...got.events.map((event) => ({ name: name(event), position: event })));
    watcher.position = got.readTo;
    return got.isFull || got.isHeldUp;
  }
  async function readNaively(kind: Naive): Promise<void> {
    const rows = await naive[kind](pick([sql, other.sql]), own.tenantId, naiveAfter[kind]);
    naiveTold[kind].push(...rows.map((row) => `${row["runId"]} ${row["number"]}`));
    naiveAfter[kind] = rows.at(-1)?.["key"] ?? naiveAfter[kind];
  }

  for (let turn = 0; turn < 60; turn++) {
    const session = pick(sessions);
    const locked = open.get(session);
    const free = runs.filter((run) => [...open].every(([by, its]) => by === session || !its.has(run)));
    const chance = draw();
    if (chance < 0.35) {
      await read(pick(watchers));
      await readNaively(pick(["byTime", "byTransaction", "byOwnId"]));
    } else if (locked === undefined) {
      await session`begin`;
      // Writes before it comes to the run, or not.
      if (draw() < 0.5) await session`select pg_current_xact_id()`;
      open.set(session, new Set());
    } else if (chance < 0.75 && free.length > 0) {
      const run = pick(free);
      await append(session, run, 1 + Math.floor(draw() * 2));
      locked.add(run);
    } else {
      await (draw() < 0.15 ? session`rollback` : session`commit`);
      open.delete(session);
    }
  }
  for (const session of open.keys()) await session`commit`;
  for (const watcher of watchers) while (await read(watcher));
  for (const kind of Object.keys(naive) as Naive[]) await readNaively(kind);

  const rows = await sql<
    { runId: RunId; number: number }[]
  >`select run_id, number from events where tenant_id = ${own.tenantId}`;
  const saved = rows.map(name).sort();
  const flaw = (told: readonly string[]): string | undefined => {
    if (JSON.stringify([...told].sort()) !== JSON.stringify(saved)) return "some are missing, or came twice";
    const inOrder = runs.every((run) => {
      const numbers = told.filter((each) => each.startsWith(run)).map((each) => Number(each.split(" ")[1]));
      return numbers.every((number, i) => number === i + 1);
    });
    return inOrder ? undefined : "those of one run are not in their order";
  };
  for (const [index, { told }] of watchers.entries()) {
    assert.equal(flaw(told.map((each) => each.name)), undefined, `seed ${seed}, watcher ${index}`);
  }
  return new Set((Object.keys(naive) as Naive[]).filter((kind) => flaw(naiveTold[kind]) !== undefined));
}

test("however transactions begin, write and commit, watchers on two replicas miss nothing and see nothing twice", async () => {
  const caught = { byTime: 0, byTransaction: 0, byOwnId: 0 };
  const times = process.env["DROVER_TEST_LONG"] === "1" ? 400 : 12;
  const first = Math.floor(Math.random() * 1e6);
  // Each naive reader has to be caught, or the orders that were drawn would be too tame to prove anything.
  const isTame = () => Object.values(caught).some((count) => count === 0);
  for (let seed = first; seed < first + times || (isTame() && seed < first + 200); seed++) {
    for (const kind of await interleave(seed)) caught[kind]++;
  }
  assert.ok(!isTame(), `from seed ${first}: ${JSON.stringify(caught)}`);
});

test("what a filter holds back is looked at once, by the index, and a tenant sees its own events alone (G12)", async () => {
  const own = await anotherTenant(rig);
  await put(own, workflowSource.replace("notes.save", "notes.read"));
  const [mine, read] = [await begin(own, { caller: "me" }), await begin(own, { workflow: "notes.read" })];
  await begin(rig);
  await sql`
    insert into events (run_id, number, at, body, tenant_id)
    select ${mine}, n, now(), '{"kind": "STEP_STARTED", "step": "s", "attempt": 1, "machine": "m"}', ${own.tenantId}
    from generate_series(2, 20000) n`;
  await sql`analyze events`;
  const kinds = async (filter: Parameters<typeof eventsBehind>[2]) => {
    const { events } = await eventsBehind(sql, own.tenantId, filter, start, 3);
    return events.map(({ runId, workflow, body }) => [runId, workflow, body.kind]);
  };
  await settled(own.tenantId);
  assert.deepEqual(await kinds({ workflow: "notes.read" }), [[read, "notes.read", "QUEUED"]]);
  assert.deepEqual(await kinds({ caller: "me", kinds: ["QUEUED"] }), [[mine, "notes.save", "QUEUED"]]);
  assert.deepEqual(await kinds({ caller: "me", workflow: "notes.read" }), []);

  let position = start;
  let looks = 0;
  for (let isFull = true; isFull; looks++) {
    const got = await eventsBehind(sql, own.tenantId, { caller: "nobody" }, position, 256);
    assert.deepEqual(got.events, []);
    ({ isFull, readTo: position } = got);
  }
  assert.equal(looks, Math.ceil(20_001 / 256));
  const halfWay = { tx: position.tx, runId: mine, number: 10_000 };
  for (const after of [halfWay, position]) {
    const ask = (query: Sql) => eventsBehind(query, own.tenantId, { caller: "nobody" }, after, 256);
    const plan = await planOf(sql, "with looked", ask, "analyze, timing off");
    const [, found = ""] = /Index Scan using events_by_tenant on events.*rows=(\d+)[.\d]* loops=1\)/.exec(plan) ?? [];
    assert.equal(Number(found), after === position ? 0 : 256, plan);
    assert.doesNotMatch(plan, /Seq Scan on (events|runs)/);
  }
});

test("events that a restore has brought from a server whose transactions are far ahead are told, in the order of each run", async () => {
  const own = await anotherTenant(rig);
  const run = await begin(own);
  const [session] = sessions as [Sql];
  await append(session, run, 1);
  await settled(own.tenantId);
  await sql`
    insert into events (run_id, number, at, body, tenant_id, tx)
    select ${run}, n, now(), '{"kind": "RESUMED"}', ${own.tenantId}, (900000000000 - n)::text::xid8 from generate_series(3, 4) n`;
  await sql`update runs set last_event = 4 where id = ${run}`;
  const before = await newestEvent(sql, own.tenantId);
  assert.equal(before.position.number, 2);
  await sql`update replicas set ends_at = clock_timestamp() - interval '1 s'`;
  await renewReplica(sql, { id: uuid() as ReplicaId, agentAddress: "http://replica", endMs: 3_600_000 });
  await append(session, run, 1);
  assert.deepEqual(
    await tellAll(sql, own.tenantId),
    [1, 2, 3, 4, 5].map((number) => `${run} ${number}`),
  );
  const after = await eventsBehind(sql, own.tenantId, {}, before.position, 10);
  assert.deepEqual(
    after.events.map(({ number }) => number),
    [3, 4, 5],
  );
});
