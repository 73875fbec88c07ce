// What is kept no longer is deleted, by its tenant's policy and nothing else of it, on a real Postgres and a real disk (G11).

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { silent } from "../../../server/engine/attaching.ts";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { resolveRun } from "../../../server/engine/resolving.ts";
import { retaining, startRetaining } from "../../../server/engine/retaining.ts";
import { setRetention } from "../../../server/engine/retention.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import {
  age,
  assertGone,
  atSave,
  filesOf,
  isThere,
  leaveFrame,
  startKeepingRig,
  succeeded,
  unknown,
} from "./left-behind.ts";
import { anotherReplica, anotherTenant, begin, clear, lockWaits, put, type Rig, told, workflowSource } from "./rig.ts";

const rig = await startKeepingRig();
const { context, tenantId } = rig;
const { sql } = rig.database;
const day = 24 * 60 * 60_000;

const retain = retaining(context);
const retainAll = async () => {
  while (await retain());
};

beforeEach(async () => {
  await clear(rig);
  await sql`update runs set ended_at = clock_timestamp() where state = 'ended'`;
  await sql`update machines set unclean_attempt_id = null`;
  await sql`delete from retentions`;
});

/** So many runs that ended a hundred days ago, with nothing but an event. */
async function oldRuns(count: number, like: RunId): Promise<void> {
  await sql`
    with made as (
      insert into runs
      select (jsonb_populate_record(r, jsonb_build_object(
        'id', gen_random_uuid(), 'idempotency_key', gen_random_uuid(), 'ended_at', clock_timestamp() - interval '100 days'))).*
      from runs r, generate_series(1, ${count}::int) n where r.id = ${like}
      returning id, tenant_id
    )
    insert into events (run_id, number, at, body, tenant_id)
    select id, 1, clock_timestamp(), '{"kind":"QUEUED"}', tenant_id from made`;
}

const countRuns = async () => (await sql`select count(*)::int as count from runs`)[0]?.["count"] as number;

test("a run goes a quarter of a year after its end, and its frames after a week, when nobody said otherwise", async () => {
  const run = await succeeded(rig);
  await age(rig, run.id, 6.9);
  await retainAll();
  assert.equal(filesOf(rig, run.id).length, 1);
  await age(rig, run.id, 7.1);
  await retainAll();
  assert.equal((await sql`select 1 from artifacts where run_id = ${run.id}`).length, 0);
  assert.ok(!readdirSync(join(rig.directory, "runs")).includes(run.id), "not even its folder is left");
  await age(rig, run.id, 89.9);
  await retainAll();
  assert.ok(await isThere(rig, run.id));
  await age(rig, run.id, 90.1);
  await retainAll();
  assert.ok(!(await isThere(rig, run.id)));
});

test("of what is deleted nothing is left in any table or on the disk (G11)", async () => {
  const run = await succeeded(rig);
  await age(rig, run.id, 91);
  // Its frames are younger, and go with it.
  await sql`update artifacts set created_at = clock_timestamp() where run_id = ${run.id}`;
  await retainAll();
  await assertGone(rig, run);
});

test("each tenant has its own policy, and what it does not set stays as it was (G12)", async () => {
  const other = { ...(await anotherTenant(rig)), directory: rig.directory };
  const [mine, theirs] = [await succeeded(rig), await succeeded(other)];
  for (const { id } of [mine, theirs]) await age(rig, id, 3);
  await setRetention(context, other.tenantId, { artifactsMs: 2 * day });
  await retainAll();
  assert.deepEqual([filesOf(rig, mine.id).length, filesOf(rig, theirs.id).length], [1, 0]);
  const held = await setRetention(context, other.tenantId, { runsMs: 2 * day });
  assert.deepEqual(held, { runsMs: 2 * day, artifactsMs: 2 * day });
  await retainAll();
  assert.deepEqual([await isThere(rig, mine.id), await isThere(rig, theirs.id)], [true, false]);
});

test("a pass takes a batch and says whether there is more; replicas that do it at once share the work", async () => {
  const like = await succeeded(rig);
  await oldRuns(limits.retainingRuns + 7, like.id);
  const before = await countRuns();
  assert.equal(await retain(), true);
  assert.equal(await countRuns(), before - limits.retainingRuns);
  assert.equal(await retain(), false);
  assert.equal(await countRuns(), before - limits.retainingRuns - 7);

  await oldRuns(4 * limits.retainingRuns, like.id);
  const others = await Promise.all([1, 2].map(async () => retaining({ ...context, ...(await anotherReplica(rig)) })));
  await Promise.all([
    retainAll(),
    ...others.map(async (other) => {
      while (await other());
    }),
  ]);
  await retainAll();
  assert.equal(await countRuns(), before - limits.retainingRuns - 7);
});

test("the loop takes one batch after another without a timer's wait, and is over when it is stopped", async (t) => {
  const like = await succeeded(rig);
  const before = await countRuns();
  await oldRuns(limits.retainingRuns + 1, like.id);
  const loop = startRetaining(context);
  t.after(() => loop.stop());
  await until("all is deleted", async () => (await countRuns()) === before);
  await loop.stop();
  await oldRuns(1, like.id);
  loop.wake();
  await loop.stop();
  assert.equal(await countRuns(), before + 1);
});

test("a run that has not ended is kept, however long it waits or runs", async () => {
  const runs = [(await atSave(rig)).id, await begin(rig)];
  await setRetention(context, tenantId, { runsMs: 1, artifactsMs: 1 });
  await sql`update runs set created_at = clock_timestamp() - interval '5 years' where id = any(${runs})`;
  await retainAll();
  assert.deepEqual(await Promise.all(runs.map((id) => told(rig, id))), ["running", "queued"]);
});

test("a run that ended UNKNOWN is kept until somebody has settled it, and as long again; its frames are not", async () => {
  const run = await unknown(rig);
  await age(rig, run.id, 4_000);
  await retainAll();
  assert.deepEqual([await told(rig, run.id), filesOf(rig, run.id)], ["UNKNOWN UNKNOWN", []]);
  // Tried again, it ended UNKNOWN once more: what was said of it before settles nothing now.
  const resolution = { as: "RETRY", by: "nurse", at: 0, note: "", nothingCommitted: false };
  await sql`update runs set resolution = ${JSON.stringify(resolution)}::jsonb where id = ${run.id}`;
  await retainAll();
  assert.equal(await told(rig, run.id), "UNKNOWN UNKNOWN");
  const wanted = { as: "FAILED", outputs: {}, nothingCommitted: false, by: "nurse", note: "looked" } as const;
  assert.ok((await resolveRun(context, tenantId, run.id, wanted)).ok);
  await retainAll();
  assert.equal(await told(rig, run.id), "FAILED UNKNOWN");
  await age(rig, run.id, 91);
  await retainAll();
  await assertGone(rig, run);
});

test("a run that is tried again while its old frames are deleted keeps the new ones", async () => {
  const run = await unknown(rig);
  await age(rig, run.id, 8);
  const wanted = { as: "RETRY", outputs: {}, nothingCommitted: false, by: "nurse", note: "looked" } as const;
  let isLeft = false;
  const tryAgain = async () => {
    assert.ok((await resolveRun(context, tenantId, run.id, wanted)).ok);
    isLeft = await leaveFrame(rig, run);
  };
  let tried: Promise<void> | undefined;
  const { blobs } = context;
  const meddled = {
    ...blobs,
    async deleteAll(prefix: string) {
      tried ??= tryAgain();
      await until("it is tried again, or waits", async () => isLeft || (await lockWaits(sql)));
      await blobs.deleteAll(prefix);
    },
  };
  await retaining({ ...context, blobs: meddled })();
  await tried;
  assert.ok(isLeft);
  assert.equal((await sql`select 1 from artifacts where run_id = ${run.id}`).length, 1);
  assert.equal(filesOf(rig, run.id).length, 1);
});

test("a frame that comes in late, while the folder of its run is deleted, is kept", async () => {
  const run = await succeeded(rig);
  await age(rig, run.id, 8);
  const { blobs } = context;
  let puts = 0;
  const meddled = {
    ...blobs,
    async put(key: string, content: Uint8Array) {
      await blobs.put(key, content);
      if (++puts === 1) await retainAll();
    },
  };
  assert.ok(await leaveFrame({ ...rig, context: { ...context, blobs: meddled } }, run));
  assert.equal((await sql`select 1 from artifacts where run_id = ${run.id}`).length, 1);
  assert.equal(filesOf(rig, run.id).length, 1);
});

test("a run after which a machine is to be cleaned up is kept until it is clean, or revoked", async () => {
  await put(rig, `${workflowSource}cleanup: [ { id: tidy, press: escape } ]\n`);
  const lost = await unknownTidy();
  await age(rig, lost.id, 4_000);
  await sql`update runs set outcome = 'FAILED' where id = ${lost.id}`;
  await retainAll();
  assert.ok(await isThere(rig, lost.id), "it is to be cleaned up");
  await placeAll(context);
  assert.equal((await lost.machine.wish()).wanted.lease?.purpose, "upkeep");
  await sql`update machines set unclean_attempt_id = null where id = ${lost.machine.id}`;
  await retainAll();
  assert.ok(await isThere(rig, lost.id), "it is being cleaned up");
  await sql`update attempts set phase = 'ended', ended_at = clock_timestamp() where run_id = ${lost.id} and ended_at is null`;
  await retainAll();
  assert.ok(await isThere(rig, lost.id), "its agent has not said yet that it is done");
  await sql`update machines set unclean_attempt_id = ${lost.attemptId} where id = ${lost.machine.id}`;
  await sql`update leases set ended_at = clock_timestamp() where ended_at is null`;
  await retainAll();
  assert.ok(await isThere(rig, lost.id));
  assert.ok((await revokeMachine(context, tenantId, lost.machine.name)).ok);
  await retainAll();
  assert.ok(!(await isThere(rig, lost.id)));
  await put(rig, workflowSource);
});

/** Its agent was killed inside the commit step, and is back. */
async function unknownTidy() {
  const run = await atSave(rig);
  await silent(context, run.machine.id, run.machine.sessionId, 0);
  assert.equal((await run.machine.restart()).is, "admitted");
  assert.equal(await told(rig, run.id), "UNKNOWN UNKNOWN");
  return run;
}

test("a run that somebody has locked is passed over, and nobody is waited for", async (t) => {
  const [locked, free] = [await succeeded(rig), await succeeded(rig)];
  for (const { id } of [locked, free]) await age(rig, id, 91);
  const other = await sql.reserve();
  t.after(() => other.release());
  await other`begin`;
  await other`select 1 from runs where id = ${locked.id} for no key update`;
  await retainAll();
  assert.deepEqual([await isThere(rig, locked.id), await isThere(rig, free.id)], [true, false]);
  await other`rollback`;
  await retainAll();
  await assertGone(rig, locked);
});

/** The same context, but that is cut off after the nth thing that it asked of the store or of the blobs. */
function failingAt(nth: number): { readonly context: Rig["context"]; readonly reached: () => boolean } {
  let count = 0;
  const fails = () => ++count === nth;
  const fail = () => Promise.reject(new Error("killed"));
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      apply(call, self, args) {
        const query = Reflect.apply(call as never, self, args) as Promise<unknown>;
        if (!Array.isArray(args[0])) return query;
        const send = query.then.bind(query);
        // A query is sent when it is awaited; what is only a part of another one never is.
        // biome-ignore lint/suspicious/noThenProperty: a statement is a promise
        query.then = (...handlers) => (fails() ? send(fail) : send()).then(...handlers);
        return query;
      },
      get(of, name) {
        const value = Reflect.get(of, name);
        if (name !== "begin") return value;
        return (work: (tx: object) => unknown) =>
          Reflect.apply(value as never, of, [(tx: object) => work(counted(tx))]);
      },
    });
  const { blobs, database } = context;
  const cutOff = async (work: Promise<void>) => {
    await work;
    if (fails()) await fail();
  };
  return {
    context: {
      ...context,
      database: { ...database, sql: counted(database.sql) },
      blobs: {
        ...blobs,
        delete: (key) => cutOff(blobs.delete(key)),
        deleteAll: (prefix) => cutOff(blobs.deleteAll(prefix)),
      },
    },
    reached: () => count >= nth,
  };
}

test("cut off after any of its steps, the next pass ends what was begun, and nothing else is lost", async () => {
  const young = await succeeded(rig);
  let steps = 0;
  for (let nth = 1; ; nth++) {
    const run = await succeeded(rig);
    await age(rig, run.id, 91);
    const failing = failingAt(nth);
    await retaining(failing.context)().catch(() => {});
    const onDisk = readdirSync(join(rig.directory, "runs"));
    const known = await sql`select 1 from runs where id = any(${onDisk}::uuid[])`;
    assert.equal(known.length, onDisk.length, `step ${nth}: what is on the disk has a row that leads to it`);
    await retainAll();
    assert.deepEqual([await isThere(rig, run.id), filesOf(rig, run.id)], [false, []], `step ${nth}`);
    if (!failing.reached()) break;
    steps = nth;
  }
  assert.ok(steps >= 12, `only ${steps} steps were seen`);
  assert.equal(filesOf(rig, young.id).length, 1);
  assert.equal(await told(rig, young.id), "SUCCEEDED AFTER_COMMIT");
});

test("a run whose files cannot be deleted holds up no other, is told of by its id, and goes when they can", async () => {
  const [stuck, free] = [await succeeded(rig), await succeeded(rig)];
  for (const { id } of [stuck, free]) await age(rig, id, 91);
  await sql`update artifacts set created_at = clock_timestamp()`;
  const warned: unknown[] = [];
  const log = { ...context.log, warn: (_: string, fields?: object) => void warned.push(fields) };
  const { blobs } = context;
  const stubborn = {
    ...blobs,
    deleteAll: (prefix: string) =>
      prefix.endsWith(stuck.id) ? Promise.reject(new Error("denied")) : blobs.deleteAll(prefix),
  };
  await retaining({ ...context, log, blobs: stubborn })();
  assert.deepEqual([await isThere(rig, stuck.id), await isThere(rig, free.id)], [true, false]);
  assert.equal(warned.length, 1);
  assert.match(JSON.stringify(warned), new RegExp(stuck.id));
  await retainAll();
  assert.deepEqual([await isThere(rig, stuck.id), filesOf(rig, stuck.id)], [false, []]);
});

test("keys that were spent long ago are forgotten", async () => {
  await sql`insert into spent_keys (tenant_id, key_hash, spent_at)
    select ${tenantId}, sha256(n::text::bytea), clock_timestamp() - n * interval '1 day' from generate_series(399, 401) n`;
  await retainAll();
  const left = await sql`select 1 from spent_keys where key_hash = any(
    select sha256(n::text::bytea) from generate_series(399, 401) n)`;
  assert.equal(left.length, 1);
});
