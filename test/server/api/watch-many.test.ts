// WatchRuns over sockets (G8): two replicas on one Postgres, writers whose transactions commit late, watchers that come and go.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RunEventKind, type WatchRunsResponse } from "../../../proto/gen/drover/v1/event_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { RunDoor } from "../../../server/api/door.ts";
import { authenticator, engineDoor } from "../../../server/api/engine-door.ts";
import { serveApi } from "../../../server/api/server.ts";
import { watchRuns } from "../../../server/api/watch-many.ts";
import type { EngineContext } from "../../../server/engine/context.ts";
import { createKey } from "../../../server/engine/keys.ts";
import type { RunId, TenantId } from "../../../server/rules/names.ts";
import { openStore, readNow, type Tx } from "../../../server/store/database.ts";
import type { EventPosition } from "../../../server/store/event-stream.ts";
import { appendEvents } from "../../../server/store/events.ts";
import { openWakeup } from "../../../server/store/wakeup.ts";
import { until } from "../../agent/desktop/until.ts";
import { anotherReplica, anotherTenant, begin, silentLog, startRig } from "../engine/rig.ts";
import { serveStub, stub, stubWakeup, tenantA, untilSettled } from "./stub.ts";

const rig = await startRig();
const database = openStore(rig.databaseUrl);
const wakeup = await openWakeup(rig.databaseUrl, silentLog);
const contexts = [rig.context, await anotherReplica({ database, wakeup })];
const apis = await Promise.all(contexts.map(serve));
test.after(async () => {
  await Promise.all(apis.map((api) => api.stop()));
  await wakeup.stop();
  await database.stop();
});

function serve(context: EngineContext) {
  return serveApi({
    ...{ host: "127.0.0.1", port: 0, log: silentLog, audit: () => {}, isServing: () => true },
    ...{ door: engineDoor(context), wakeup: context.wakeup, authenticate: authenticator(context) },
  });
}

const clients = apis.map((api) => createClient(RunService, createGrpcTransport({ baseUrl: api.url })));
const clientOf = (replica: number) => clients[replica % 2] as (typeof clients)[0];

async function keyOf(tenantId: TenantId) {
  const { secret } = await createKey(rig.context, tenantId, { owner: "test", scope: "caller" });
  return { headers: { authorization: `Bearer ${secret}` } };
}

const name = ({ runId, event }: WatchRunsResponse) => `${runId} ${event?.number}`;

/** Begins a watch; resolves when the first message, which is at once, has told from where on. */
async function watch(tenantId: TenantId, cursor = "", breaks: () => number = () => Number.POSITIVE_INFINITY) {
  const key = await keyOf(tenantId);
  const told: string[] = [];
  const stop = new AbortController();
  const begun = Promise.withResolvers<string>();
  let opened = 0;
  let fault: unknown;
  const ended = (async () => {
    for (let from = cursor; !stop.signal.aborted; ) {
      let messages = breaks();
      // Each time at the other replica.
      for await (const message of clientOf(opened++).watchRuns({ cursor: from }, { ...key, signal: stop.signal })) {
        from = message.cursor;
        begun.resolve(from);
        if (message.event !== undefined) told.push(name(message));
        if (--messages <= 0) break;
      }
    }
  })().catch((error) => {
    begun.reject(error);
    if (!stop.signal.aborted) fault = error;
  });
  const first = await begun.promise;
  return {
    ...{ told, cursor: first },
    opened: () => opened,
    /** Until so many events are told. */
    async until(count: number) {
      await until("all is told", () => told.length >= count || fault !== undefined, 30_000);
      assert.equal(fault, undefined);
    },
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

test("watchers on two replicas miss nothing and see nothing twice, whatever commits late and however often they come back", async () => {
  const own = await anotherTenant(rig);
  const context = (n: number) => ({ ...own, context: contexts[n % 2] as EngineContext });
  await begin(own);
  const { runs: door } = engineDoor(rig.context);
  // Transactions of other tests hold up what is written here: they are on the same server.
  await until("it is settled", async () => (await door.newestEvent(own.tenantId)).position.number === 1, 30_000);
  const random = () => 1 + Math.floor(Math.random() * 12);
  const watchers = await Promise.all([1, 2, 3, 4].map((n) => watch(own.tenantId, "", n > 2 ? random : undefined)));
  const runs = await Promise.all(Array.from({ length: 12 }, (_, n) => begin(context(n))));
  const { sql } = rig.database;
  /** Appends to some runs in one transaction that has its id early and stays open for a while. */
  const write = () =>
    sql.begin(async (tx: Tx) => {
      await tx`select pg_current_xact_id()`;
      for (const id of runs.filter(() => Math.random() < 0.3)) {
        await tx`select pg_sleep(${Math.random() / 125})`;
        const [run] = await tx<{ last: number }[]>`select last_event as last from runs where id = ${id} for update`;
        assert.ok(run !== undefined);
        await appendEvents(tx, id, run.last, [{ kind: "RESUMED", attempt: 1, machine: "m" }], await readNow(tx));
        await tx`update runs set last_event = last_event + 1 where id = ${id}`;
      }
    });
  for (let n = 0; n < 7; n++) {
    await Promise.all([write(), write(), write(), begin(context(n))]);
    // Now and then nobody wakes the watchers.
    if (n % 3 !== 0) rig.wakeup.publish([`events:${own.tenantId}`]);
  }
  const rows = await sql<{ runId: RunId; number: number }[]>`
    select run_id, number from events where tenant_id = ${own.tenantId} order by tx, run_id, number offset 1`;
  assert.ok(rows.length > 40);
  const saved = rows.map(({ runId, number }) => `${runId} ${number}`);
  for (const watcher of watchers) await watcher.until(saved.length);
  for (const { told } of watchers) assert.deepEqual(told, saved);
  for (const run of runs) {
    const numbers = rows.filter(({ runId }) => runId === run).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      [...numbers.keys()].map((n) => n + 1),
    );
  }
  assert.ok(watchers.slice(2).every(({ opened }) => opened() > 5));

  // Another one that begins where the first began is told the same.
  const again = await watch(own.tenantId, watchers[0]?.cursor, random);
  await again.until(saved.length);
  assert.deepEqual(again.told, saved);
  await Promise.all([...watchers, again].map((each) => each.stop()));
});

test("what a watch tells fits its filter, has no outputs, and is its tenant's alone (G12)", async () => {
  const [own, foreign] = [await anotherTenant(rig), await anotherTenant(rig)];
  const mine = await begin(own, { caller: "me" });
  const stop = new AbortController();
  const options = { ...(await keyOf(own.tenantId)), signal: stop.signal };
  const asked = { caller: "me", kinds: [RunEventKind.ENDED, RunEventKind.MOVED_TO_FRONT] };
  const watched = (async () => {
    for await (const message of clientOf(0).watchRuns(asked, options)) if (message.event !== undefined) return message;
    return undefined;
  })();
  const end = { kind: "ENDED", outcome: "SUCCEEDED", label: "AFTER_COMMIT" } as const;
  for (const each of [await begin(foreign, { caller: "me" }), await begin(own, { caller: "you" }), mine]) {
    await rig.database.sql`update runs set outputs = '{"title": "secret"}' where id = ${each}`;
    await rig.database.sql.begin(async (tx) => appendEvents(tx, each, 1, [end], await readNow(tx)));
  }
  const message = await watched;
  stop.abort();
  assert.deepEqual([message?.runId, message?.workflow, message?.event?.kind], [mine, "notes.save", RunEventKind.ENDED]);
  assert.equal(message?.event?.outputs, undefined);
});

test("a cursor that was altered, or is another tenant's or another database's, is refused", async () => {
  const [own, foreign] = [await anotherTenant(rig), await anotherTenant(rig)];
  await begin(own);
  const { cursor, stop } = await watch(own.tenantId);
  await stop();
  const altered = Buffer.from(cursor, "base64url");
  altered.writeUInt32BE(7, 24);
  const elsewhere = { ...contexts[0], database: elsewhereOf(rig.context) } as EngineContext;
  const api = await serve(elsewhere);
  const cases = [
    [clientOf(1), foreign, cursor],
    [clientOf(1), own, altered.toString("base64url")],
    [clientOf(1), own, `${cursor}A`],
    [clientOf(1), own, "nonsense"],
    [createClient(RunService, createGrpcTransport({ baseUrl: api.url })), own, cursor],
  ] as const;
  for (const [client, { tenantId }, given] of cases) {
    const key = await keyOf(tenantId);
    await assert.rejects(
      async () => {
        for await (const _ of client.watchRuns({ cursor: given }, key)) assert.fail("it was taken");
      },
      (thrown) => {
        const error = ConnectError.from(thrown);
        assert.equal(error.code, Code.InvalidArgument);
        assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, "CURSOR_INVALID");
        return true;
      },
    );
  }
  await api.stop();
});

/** The same database, as it would be after a standby has gone on with it: on another line of history. */
function elsewhereOf({ database: { sql } }: EngineContext): EngineContext["database"] {
  const moved = new Proxy(sql, {
    apply(target, self, [parts, ...values]: [TemplateStringsArray, ...unknown[]]) {
      const strings = parts.map((part) =>
        part.replace("left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)", "'00000002'"),
      );
      return Reflect.apply(target, self, [Object.assign(strings, { raw: parts.raw }), ...values]);
    },
  });
  return { sql: moved, stop: async () => {} };
}

const place = (number: number): EventPosition => ({
  tx: "7",
  runId: "00000000-0000-7000-8000-000000000001" as RunId,
  number,
});
const request = { workflow: "", caller: "", kinds: [], cursor: "" };

test("a cursor comes first; signs of life carry one behind all that was looked at; the wait ends with the signal", async () => {
  const wakeup = stubWakeup();
  let looked = 0;
  const door = stub<RunDoor>({
    newestEvent: async () => ({ database: "one", position: place(0), settledBelow: "8" }),
    // The filter lets nothing through.
    eventsBehind: async (_tenant, _filter, after) => {
      const readTo = looked++ < 5 ? place(after.number + 1) : after;
      return { database: "one", events: [], readTo, isFull: false, isHeldUp: false };
    },
  });
  const abort = new AbortController();
  const cursors: unknown[] = [];
  const principal = { tenant: tenantA };
  for await (const message of watchRuns({ door, wakeup, signOfLifeMs: 40 }, principal, request, abort.signal)) {
    assert.equal(message.event, undefined);
    cursors.push(message.cursor);
    if (cursors.length === 1) assert.equal(looked, 0);
    if (looked >= 6) abort.abort();
  }
  const newest = cursors.at(-1);
  assert.equal(typeof newest, "string");
  const behind: EventPosition[] = [];
  const next = stub<RunDoor>({
    ...door,
    eventsBehind: async (_tenant, _filter, after) => {
      behind.push(after);
      return { database: "another", events: [], readTo: after, isFull: false, isHeldUp: false };
    },
  });
  const going = watchRuns(
    { door: next, wakeup },
    principal,
    { ...request, cursor: String(newest) },
    new AbortController().signal,
  );
  // And when the database goes on as another one in the middle of a watch, the watch ends.
  await assert.rejects(async () => {
    for await (const _ of going);
  }, /another database/);
  assert.deepEqual(behind, [place(5)]);
  assert.equal(wakeup.count(`events:${tenantA}`), 0);
});

test("a client that does not read costs some pages, and nothing once it is gone", async (t) => {
  let reads = 0;
  const body = { kind: "STEP_STARTED", step: "s".repeat(900), attempt: 1, machine: "m" } as const;
  const runs = stub<RunDoor>({
    newestEvent: async () => ({ database: "one", position: place(0), settledBelow: "8" }),
    eventsBehind: async (_tenant, _filter, { number }, limit) => {
      reads++;
      const events = Array.from({ length: limit }, (_, n) => ({
        ...{ ...place(number + n + 1), at: 1, body, workflow: "notes.save" },
      }));
      return { database: "one", events, readTo: place(number + limit), isFull: true, isHeldUp: false };
    },
  });
  const { api, key, wakeup } = await serveStub(t, { door: { runs } });
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const abort = new AbortController();
  const options = { headers: { authorization: `Bearer ${key("caller")}` }, signal: abort.signal };
  const messages = client.watchRuns({}, options)[Symbol.asyncIterator]();
  assert.equal((await messages.next()).value?.event, undefined);
  await untilSettled("the server waits for the client", () => reads);
  assert.ok(reads < 100, `${reads} pages were read`);
  abort.abort();
  await assert.rejects(async () => {
    for (;;) await messages.next();
  });
  await until("it lets go", () => wakeup.count(`events:${tenantA}`) === 0);
});
