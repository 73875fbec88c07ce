// Limits of concurrency, with three replicas that place at the same time in two pools that share them: at no instant is more
// under way than a limit allows, and what a limit has held goes on at once.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { v7 as uuid } from "uuid";
import { startEngine } from "../../../server/engine/engine.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { openStore } from "../../../server/store/database.ts";
import { openWakeup, topics } from "../../../server/store/wakeup.ts";
import { until } from "../../agent/desktop/until.ts";
import { begin, clocks, memoryBlobs, put, silentLog, startRig, TestMachine, workflowSource } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const replicas = 3;
const perPool = 6;
const max = { workflow: 3, application: 5 };

/** A replica with connections and wake-ups of its own. */
async function startReplica(): Promise<void> {
  const database = openStore(rig.databaseUrl, { connectionsMax: 4 });
  const wakeup = await openWakeup(rig.databaseUrl, silentLog);
  const identity = { replicaId: uuid() as ReplicaId, agentAddress: "http://one" };
  const engine = await startEngine({ database, wakeup, blobs: memoryBlobs(), clocks, ...identity, log: silentLog });
  after(async () => {
    await engine.stop();
    await wakeup.stop();
    await database.stop();
  });
}

/** Does whatever the machine is leased for, until `stop` is aborted. */
async function drive(machine: TestMachine, stop: AbortSignal): Promise<void> {
  let woken = Promise.withResolvers<void>();
  const wake = () => woken.resolve();
  const unsubscribe = rig.wakeup.subscribe(topics.machine(machine.id), wake);
  stop.addEventListener("abort", wake);
  while (!stop.aborted) {
    const { wanted } = await machine.wish();
    if (wanted.lease !== undefined) await machine.report();
    else {
      await woken.promise;
      woken = Promise.withResolvers();
    }
  }
  unsubscribe();
}

interface Leased {
  readonly workflow: string;
  readonly grantedAt: number;
  readonly endedAt: number;
}

/** How many of them there were at the same time, at most. A lease ends before another begins at the same instant. */
function mostAtOnce(leases: readonly Leased[]): number {
  const changes = leases.flatMap(({ grantedAt, endedAt }) => [
    { at: grantedAt, by: 1 },
    { at: endedAt, by: -1 },
  ]);
  let [now, most] = [0, 0];
  for (const { by } of changes.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

test("three replicas that place in two pools never exceed a limit that the pools share, and stay at it while there is work", async () => {
  // The same workflow in two pools: its first version in one, its second in the other.
  await put(rig, workflowSource.replace("timeout: 1m", "requires: { pool: second }\ntimeout: 1m"));
  await put(rig, workflowSource.replace("notes.save", "notes.other"));
  for (const [kind, name] of [
    ["workflow", "notes.save"],
    ["application", "notes"],
  ] as const) {
    await sql`insert into concurrency_limits (tenant_id, kind, name, max, set_by, set_at)
      values (${rig.tenantId}, ${kind}, ${name}, ${max[kind]}, 'olga', now())`;
  }
  await Promise.all(Array.from({ length: replicas }, startReplica));
  const machines = await Promise.all(
    ["default", "second"].flatMap((pool) => Array.from({ length: perPool }, () => TestMachine.idle(rig, pool))),
  );
  const stop = new AbortController();
  const driven = machines.map((machine) => drive(machine, stop.signal));
  const runs = await Promise.all(
    Array.from({ length: 45 }, (_, n) =>
      begin(rig, n % 3 === 2 ? { workflow: "notes.other" } : { workflowVersion: 1 + (n % 3) }),
    ),
  );
  // At every look, in one snapshot.
  let looks = 0;
  await until(
    "all have ended",
    async () => {
      const [now] = await sql<{ all: number; saving: number; waiting: number }[]>`
        select count(l.id)::int as all, (count(l.id) filter (where r.workflow = 'notes.save'))::int as saving,
          (select count(*)::int from runs where state <> 'ended') as waiting
        from leases l join attempts a on a.id = l.attempt_id join runs r on r.id = a.run_id where l.ended_at is null`;
      assert.ok(now !== undefined && now.all <= max.application && now.saving <= max.workflow, JSON.stringify(now));
      looks++;
      return now.waiting === 0;
    },
    60_000,
  );
  assert.ok(looks > 10);
  stop.abort();
  await Promise.all(driven);

  const leases = await sql<Leased[]>`
    select r.workflow, l.granted_at, l.ended_at
    from leases l join attempts a on a.id = l.attempt_id join runs r on r.id = a.run_id`;
  assert.equal(leases.length, runs.length);
  assert.equal(mostAtOnce(leases), max.application);
  assert.equal(mostAtOnce(leases.filter(({ workflow }) => workflow === "notes.save")), max.workflow);
  const [succeeded] = await sql`select count(*)::int as count from runs where outcome = 'SUCCEEDED'`;
  assert.equal(succeeded?.["count"], runs.length);
});
