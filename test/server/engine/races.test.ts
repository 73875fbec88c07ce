// Everything at once on a few machines: no deadlock, never two drivers, no event lost, and every run ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fenced, silent, takeOver } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { expireAll } from "../../../server/engine/expiring.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { anotherReplica, begin, kinds, startRig, TestMachine, told } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const second = await anotherReplica(rig);
const busyMs = 3_000;

/** Numbers from a seed, so that a failure can be told of. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

test("placing, reports, attaching, silence, takeover, cancels and deadlines at once never deadlock", async () => {
  const machines = await Promise.all(Array.from({ length: 3 }, () => TestMachine.idle(rig)));
  const runs: RunId[] = [];
  const errors = new Map<string, number>();
  const end = performance.now() + busyMs;
  // On a busy machine until a run has come through, too.
  let cameThrough = false;
  const over = () => performance.now() > (cameThrough ? end : end + 20_000);
  const one = (draw: () => number) => machines[Math.floor(draw() * machines.length)] as TestMachine;
  const loop = async (seed: number, work: (draw: () => number) => Promise<unknown>) => {
    const draw = draws(seed);
    while (!over()) {
      await work(draw).catch((error) => {
        const name = `${error.code ?? ""} ${error.message}`;
        errors.set(name, (errors.get(name) ?? 0) + 1);
      });
    }
  };
  await Promise.all([
    loop(1, () => placeAll(rig.context)),
    loop(2, () => placeAll(second)),
    loop(3, (draw) => one(draw).report({ input: draw() < 0.5 ? "none" : "all" })),
    loop(4, (draw) => one(draw).report(draw() < 0.3 ? { failure: { category: "AGENT_ERROR", message: "" } } : {})),
    loop(5, (draw) => (draw() < 0.5 ? one(draw).attach() : one(draw).restart())),
    loop(6, async (draw) => {
      const machine = one(draw);
      await silent(second, machine.id, machine.sessionId, draw() * 400);
      if (draw() < 0.5) await machine.takeoverDue().then(() => takeOver(second, machine.id));
    }),
    loop(7, async (draw) => {
      const machine = one(draw);
      const row = await machine.row();
      await fenced(rig.context, machine.id, machine.sessionId, row["epoch"]);
    }),
    loop(8, async (draw) => {
      if (runs.length < 3_000) runs.push(await begin(rig));
      const run = runs[Math.floor(draw() * runs.length)];
      if (run !== undefined && draw() < 0.1) await cancelRun(rig.context, rig.tenantId, run);
    }),
    loop(9, async (draw) => {
      cameThrough ||= (await sql`select 1 from runs where state = 'ended' and attempt_count > 0 limit 1`).length > 0;
      if (draw() < 0.2) await sql`update attempts set command_deadline_at = now() where ended_at is null`;
      await expireAll(second);
    }),
  ]);
  assert.deepEqual([...errors], []);
  const doubled = await sql`
    select l.id from leases l join leases o on o.machine_id = l.machine_id and o.id <> l.id
    where l.granted_at < coalesce(o.ended_at, now()) and o.granted_at < coalesce(l.ended_at, now())
      and l.epoch > o.epoch and l.granted_at < o.ended_at`;
  assert.equal(doubled.length, 0, "no two leases of one machine overlap");
  const again = await sql`
    select a.id from attempts a join attempts b on b.run_id = a.run_id and b.number < a.number
    where b.commit_label <> 'BEFORE_COMMIT'`;
  assert.equal(again.length, 0, "nothing is tried again after a commit began");
  const stray =
    await sql`select l.id from leases l join attempts a on a.id = l.attempt_id join machines m on m.id = l.machine_id
    where l.ended_at is null and m.status in ('idle', 'offline')`;
  assert.equal(stray.length, 0, "a leased machine is neither idle nor offline");
  const [ended] = await sql`select count(*)::int as count from runs where state = 'ended' and attempt_count > 0`;
  assert.ok(ended?.["count"] > 0, `only ${ended?.["count"]} runs came through`);
  for (const run of runs) await kinds(rig, run);
  // What is left ends by the clock alone.
  await sql`update runs set deadline_at = now() - interval '1 ms' where state <> 'ended'`;
  for (let turn = 0; (await sql`select 1 from runs where state <> 'ended'`).length > 0; turn++) {
    assert.ok(turn < 40, "runs are left that do not end");
    await sql`update attempts set command_deadline_at = now() - interval '1 ms' where ended_at is null`;
    await sql`update machines set takeover_at = now() - interval '1 ms' where status = 'reattaching'`;
    await sql`update leases set deadline_at = now() - interval '1 ms' where ended_at is null`;
    await expireAll(rig.context);
    await sql`update runs set deadline_at = now() - interval '1 ms' where state = 'queued'`;
  }
  for (const run of runs.slice(0, 50)) assert.notEqual(await told(rig, run), "queued");
});
