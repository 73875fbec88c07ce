// Fair shares between callers on a real Postgres: who has much waiting holds up nobody else. Two replicas place in turns.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { copyRun, manyMachines } from "./many.ts";
import { anotherReplica, begin, put, startRig, workflowSource } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const replicas = [rig.context, await anotherReplica(rig)] as const;
await put(rig, workflowSource.replace("notes.save", "notes.other"));
let passes = 0;

/** So many machines become free at once; returns whose runs they got, in the order of placement. */
async function place(machines: number): Promise<string[]> {
  const before = await sql<{ id: RunId }[]>`select id from runs where state = 'running'`;
  await sql`update machines set status = 'idle' where id in (select id from machines where status = 'offline' limit ${machines})`;
  await placeAll(replicas[passes++ % 2] ?? rig.context);
  const placed = await sql<{ caller: string }[]>`
    select r.caller from runs r join attempts a on a.run_id = r.id
    where r.state = 'running' and r.id <> all(${before.map(({ id }) => id)}::uuid[]) order by a.id`;
  assert.equal(placed.length, machines);
  return placed.map(({ caller }) => caller);
}

/** The same for a row of passes. */
async function placeEach(passes: readonly number[]): Promise<string[]> {
  const placed: string[] = [];
  for (const machines of passes) placed.push(...(await place(machines)));
  return placed;
}

const count = (callers: readonly string[], caller: string) => callers.filter((each) => each === caller).length;

test("ten runs that come behind ten thousand of another caller are placed within the next twenty placements", async () => {
  await manyMachines(rig, 160, "offline");
  // In two workflows: a caller has one share, however many kinds of work.
  for (const workflow of ["notes.save", "notes.other"]) {
    await copyRun(rig, await begin(rig, { workflow, caller: "ann" }), 4_999);
  }
  const [waiting] = await sql<{ count: number }[]>`select count(*)::int as count from runs where state = 'queued'`;
  assert.equal(waiting?.count, 10_000);
  assert.equal(count(await placeEach([1, 9, 20]), "ann"), 30);
  for (let n = 0; n < 10; n++) await begin(rig, { caller: "bob" });
  const placed = await placeEach([1, 1, 2, 3, 5, 8]);
  assert.equal(placed.length, 20);
  assert.equal(count(placed, "bob"), 10, placed.join(" "));
  // Nor does bob hold up ann.
  assert.ok(count(placed.slice(0, 10), "ann") >= 4, placed.join(" "));
  assert.equal(count(await place(5), "ann"), 5);
});

test("a caller who comes with a single run now and then waits for two placements at most, and saves up no credit", async () => {
  for (const gap of [1, 7, 15]) {
    await begin(rig, { caller: "cyd" });
    const placed = await placeEach([1, 1]);
    assert.equal(count(placed, "cyd"), 1, placed.join(" "));
    await place(gap);
  }
  for (let n = 0; n < 20; n++) await begin(rig, { caller: "cyd" });
  const placed = await placeEach([3, 3, 3, 1]);
  assert.ok(count(placed, "cyd") <= 6, placed.join(" "));
  assert.ok(count(placed, "cyd") >= 4, placed.join(" "));
});
