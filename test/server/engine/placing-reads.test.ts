// What placing and explaining read beyond the rows that any fleet has: machines that are waited for, runs that settle, and successes
// of long ago.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { v7 as uuid } from "uuid";
import { placeAll } from "../../../server/engine/placing.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { MachineId, PoolId, RunId } from "../../../server/rules/names.ts";
import { readNow } from "../../../server/store/database.ts";
import { readUnsettled, readUsual } from "../../../server/store/explanation-reads.ts";
import { readFree } from "../../../server/store/machines.ts";
import { begin, clear, startRig, TestMachine } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
beforeEach(() => clear(rig));

/** The run may have committed on that machine, and is to be verified there. */
async function unsettle(run: RunId, machineId: MachineId, attemptId: string = uuid()): Promise<PoolId> {
  const unsettled = { attemptId, machineId, ending: { is: "cancelled" }, commitsBegun: 1, on: "same-machine" };
  const [row] = await sql<{ poolId: PoolId }[]>`
    update runs set state = 'unsettled', attempt_id = null, deadline_at = now() + interval '1 h', unsettled = ${JSON.stringify(unsettled)}::jsonb where id = ${run} returning pool_id`;
  assert.ok(row !== undefined);
  return row.poolId;
}

test("a free machine that a run is to be verified on is read, however many there are before it", async () => {
  const machines: MachineId[] = [];
  for (let n = 0; n < 4; n++) machines.push((await TestMachine.idle(rig)).id);
  const run = await begin(rig);
  const [{ poolId } = assert.fail()] = await sql<{ poolId: PoolId }[]>`select pool_id from runs where id = ${run}`;
  const read = async () => (await readFree(sql, poolId, 1, await readNow(sql))).map(({ id }) => id).toSorted();
  const first = await read();
  assert.equal(first.length, 1);
  const beyond = machines.filter((id) => !first.includes(id)).at(-1) ?? assert.fail();
  await unsettle(run, beyond);
  assert.deepEqual(await read(), [...first, beyond].toSorted());
});

test("runs whose attempt is still being settled are not counted among those that could be", async () => {
  const machine = await TestMachine.idle(rig);
  const [attempted, waiting] = [await begin(rig), await begin(rig)];
  await placeAll(rig.context);
  const [attempt = assert.fail()] = await sql<{ id: string }[]>`select id from attempts where run_id = ${attempted}`;
  await unsettle(attempted, machine.id, attempt.id);
  const poolId = await unsettle(waiting, machine.id);
  const counted = async () => {
    const groups = await readUnsettled(sql, poolId, waiting, await readNow(sql));
    return groups.reduce((sum, { runs }) => sum + runs, 0);
  };
  assert.equal(await counted(), 1);
  await sql`update leases set ended_at = now() - interval '1 h'`;
  assert.equal(await counted(), 2);
});

test("what a workflow usually takes is told by its latest successes, not by those of long ago", async () => {
  const run = await begin(rig);
  const many = limits.usualOf;
  // In seconds: 10 lately, 60 before that, and more before that.
  await sql`insert into runs select x.* from runs r, generate_series(1, ${3 * many}::int) n, jsonb_populate_record(r,
      jsonb_build_object('id', gen_random_uuid(), 'state', 'ended', 'outcome', 'SUCCEEDED', 'commit_label', 'AFTER_COMMIT', 'deadline_at', null,
        'started_at', now() - n * interval '1 h', 'ended_at',
        now() - n * interval '1 h' + case when n <= ${many}::int then interval '10 s' else interval '60 s' end)) x
    where r.id = ${run}`;
  assert.deepEqual(await readUsual(sql, rig.tenantId, ["notes.save", "other"]), { "notes.save": 10_000 });
});
