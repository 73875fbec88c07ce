// Placing on a real Postgres: one lease a machine whoever places, the queue's order, and nobody held up by somebody else.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { placeAll } from "../../../server/engine/placing.ts";
import type { MachineId, RunId } from "../../../server/rules/names.ts";
import { json } from "../../../server/store/database.ts";
import { keepOffer } from "../../../server/store/offers.ts";
import { copyRun } from "./many.ts";
import { anotherReplica, begin, clear, kinds, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const second = await anotherReplica(rig);
const slow: (() => void)[] = [];
after(() => {
  for (const release of slow) release();
});

beforeEach(() => clear(rig));

const leases = async () => (await sql`select id from leases where ended_at is null`).length;

test("a queued run gets the idle machine, a lease, an attempt and its proof as first command", async () => {
  const machine = await TestMachine.idle(rig);
  const run = await begin(rig);
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "running");
  assert.deepEqual(await kinds(rig, run), ["QUEUED", "PLACED"]);
  assert.equal(await machine.status(), "busy");
  const { wanted } = await machine.wish();
  assert.equal(wanted.command?.number, 1);
  assert.equal(wanted.command?.spec.action.is, "prove");
  assert.equal((await machine.row())["leaseEpoch"], wanted.epoch);
});

test("two placers at once never lease a machine twice, nor place a run twice (G1)", async () => {
  const machines = await Promise.all(Array.from({ length: 6 }, () => TestMachine.idle(rig)));
  const runs = await Promise.all(Array.from({ length: 12 }, () => begin(rig)));
  await Promise.all([rig.context, second, rig.context, second].map(placeAll));
  await placeAll(second);
  assert.equal(await leases(), machines.length);
  const states = await Promise.all(runs.map((run) => told(rig, run)));
  assert.equal(states.filter((state) => state === "running").length, machines.length);
});

test("the index refuses a second live lease, whatever the code believes (G1)", async () => {
  await TestMachine.idle(rig);
  await begin(rig);
  await placeAll(rig.context);
  await assert.rejects(
    sql`insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
      select gen_random_uuid(), tenant_id, machine_id, purpose, epoch + 1, granted_at, deadline_at
      from leases where ended_at is null`,
    /leases_one_driver/,
  );
});

test("a run that is being started does not keep its pool from being placed (G7)", async () => {
  await TestMachine.idle(rig);
  const run = await begin(rig);
  const started = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  slow.push(go.resolve);
  // Another start, whose transaction is still open: it refers to the pool.
  const starting = sql.begin(async (tx) => {
    await tx`insert into runs select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*
      from runs r where id = ${run}`;
    started.resolve();
    await go.promise;
  });
  await started.promise;
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "running");
  go.resolve();
  await starting;
});

test("runs that avoid every idle machine do not hold up those behind them (G7)", async () => {
  const machine = await TestMachine.idle(rig);
  const first = await begin(rig);
  // More than one pass reads, all before the one that fits.
  await sql`insert into runs select (jsonb_populate_record(r, jsonb_build_object(
      'id', overlay(r.id::text placing lpad(to_hex(n), 12, '0') from 25), 'priority', 9, 'avoid', array[${machine.id}::uuid]))).*
    from runs r, generate_series(1, 40) n where r.id = ${first}`;
  await placeAll(rig.context);
  assert.equal(await told(rig, first), "running");
});

test("idle machines that lack the application do not hide the one that has it (G7)", async () => {
  const machine = await TestMachine.idle(rig);
  const other = await keepOffer(sql, { applications: [{ name: "other", version: "1" }], labels: {} });
  await sql`insert into machines select x.* from machines m, generate_series(1, 300) n, jsonb_populate_record(m,
      jsonb_build_object('id', gen_random_uuid(), 'name', 'filler-' || n, 'key_hash', '\\x' || lpad(to_hex(n), 8, '0'),
        'offer_id', ${other}::text, 'status_since', m.status_since - interval '1 hour')) x
    where m.id = ${machine.id}`;
  const run = await begin(rig);
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "running");
  await sql`delete from machines where name like 'filler-%'`;
});

test("a placement that cannot be saved holds up no other (G7)", async () => {
  const [bad, good] = [await TestMachine.idle(rig), await TestMachine.idle(rig)];
  // A machine that counts as idle although it is leased: the index refuses, and the pass goes on.
  await sql`insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
    values (gen_random_uuid(), ${rig.tenantId}, ${bad.id}, 'attempt', 1, now(), now() + interval '1 hour')`;
  const runs = [await begin(rig), await begin(rig)];
  await placeAll(rig.context).catch(() => {});
  assert.equal(await good.status(), "busy");
  const states = await Promise.all(runs.map((run) => told(rig, run)));
  assert.deepEqual(states.sort(), ["queued", "running"]);
});

test("revoked, offline and reattaching machines, and expired runs, are not placed", async () => {
  const machines = await Promise.all(Array.from({ length: 3 }, () => TestMachine.idle(rig)));
  const [revoked, offline, away] = machines.map((m) => m.id) as [MachineId, MachineId, MachineId];
  await sql`update machines set revoked_at = now() where id = ${revoked}`;
  await sql`update machines set status = 'offline' where id = ${offline}`;
  await sql`update machines set status = 'reattaching', takeover_at = now() where id = ${away}`;
  const run = await begin(rig);
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "queued");
  await sql`update machines set status = 'idle', takeover_at = null where id = ${away}`;
  await sql`update runs set deadline_at = now() - interval '1 ms' where id = ${run}`;
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "queued");
});

test("a higher priority goes first", async () => {
  const low: RunId = await begin(rig);
  const high = await begin(rig, { priority: 7 });
  await TestMachine.idle(rig);
  await placeAll(rig.context);
  assert.deepEqual([await told(rig, low), await told(rig, high)], ["queued", "running"]);
});

test("a pool is not held up by a route without machines", async () => {
  await put(rig, workflowSource.replace("notes.save", "notes.other").replace("timeout: 1m", "timeout: 2m"));
  await TestMachine.idle(rig);
  const stuck = await begin(rig, { priority: 9 });
  const needs = (application: string) =>
    sql`update routes set requirement = requirement || ${json({ application })}::jsonb where workflow = 'notes.save'`;
  await needs("absent");
  const run = await begin(rig, { workflow: "notes.other" });
  await placeAll(rig.context);
  assert.deepEqual([await told(rig, stuck), await told(rig, run)], ["queued", "running"]);
  await needs("notes");
});

test("runs whose time in the queue is over hold up no other before they are ended (G7)", async () => {
  await TestMachine.idle(rig);
  const late = await begin(rig, { priority: 9 });
  await copyRun(rig, late, 99);
  await sql`update runs set deadline_at = now() - interval '1 s' where state = 'queued'`;
  const run = await begin(rig);
  await placeAll(rig.context);
  assert.deepEqual([await told(rig, late), await told(rig, run)], ["queued", "running"]);
});

test("a run whose placement cannot be saved keeps the only machine from no other (G7)", async () => {
  await TestMachine.idle(rig);
  const [bad, good] = [await begin(rig, { priority: 9 }), await begin(rig)];
  await sql`
    create function refuse_attempt() returns trigger language plpgsql as 'begin raise exception ''refused''; end'`;
  await sql.unsafe(
    `create trigger refuse before insert on attempts for each row when (new.run_id = '${bad}') execute function refuse_attempt()`,
  );
  try {
    await placeAll(rig.context);
    assert.deepEqual([await told(rig, bad), await told(rig, good)], ["queued", "running"]);
  } finally {
    await sql`drop trigger refuse on attempts`;
    await sql`drop function refuse_attempt`;
  }
});

test("of runs that come due together the most urgent goes first, however many there are", async () => {
  await TestMachine.idle(rig);
  const early = await begin(rig);
  await copyRun(rig, early, 2_500);
  const urgent = await begin(rig, { priority: 100 });
  await sql`
    update runs set due = false, not_before_at = now() - case when id = ${urgent} then interval '1 ms' else interval '1 s' end
    where state = 'queued'`;
  await placeAll(rig.context);
  assert.deepEqual([await told(rig, early), await told(rig, urgent)], ["queued", "running"]);
});
