// A replica's row and its life (G1): it ends without renewal, a later life is another one, and a service that was down has
// only then come back.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { v7 as uuid } from "uuid";
import { silentMeter } from "../../../server/engine/meter.ts";
import { type Replica, startReplica } from "../../../server/engine/replica.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { readNow } from "../../../server/store/database.ts";
import { isLive, readResumedAt, renewReplica } from "../../../server/store/replicas.ts";
import { until } from "../../agent/desktop/until.ts";
import { clocks as short, silentLog, startRig } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const clocks = { ...short, replicaEndMs: 1_000 };

const start = async (t: TestContext, query = sql): Promise<{ replica: Replica; id: ReplicaId }> => {
  const id = uuid() as ReplicaId;
  const replica = await startReplica(query, {
    id,
    agentAddress: "http://one",
    clocks,
    log: silentLog,
    meter: silentMeter,
  });
  t.after(() => replica.stop());
  return { replica, id };
};
const live = async (id: ReplicaId) => isLive(sql, id, await readNow(sql));

test("a replica renews its row for as long as it runs, and ends it when it stops", async (t) => {
  const { replica, id } = await start(t);
  const [first] = await sql`select ends_at from replicas where id = ${id}`;
  await until("a renewal", async () => {
    const [row] = await sql`select ends_at from replicas where id = ${id}`;
    return row?.["endsAt"] > first?.["endsAt"];
  });
  assert.equal(replica.isLive(), true);
  await replica.stop();
  assert.equal(replica.isLive(), false);
  assert.equal(await live(id), false);
});

test("while renewals do not return, the replica stops acking before its row ends, and its next life is another one", async (t) => {
  let block: Promise<void> | undefined;
  const blocking = new Proxy(sql, {
    get: (target, key) =>
      key === "begin"
        ? async (work: (tx: unknown) => Promise<unknown>) => {
            await block;
            return target.begin(work as never);
          }
        : Reflect.get(target, key),
  });
  const { replica, id } = await start(t, blocking);
  let lapses = 0;
  replica.onLapse(() => lapses++);
  assert.equal(replica.life(), 1);
  const free = Promise.withResolvers<void>();
  block = free.promise;
  await until("the end of acks", () => replica.life() === undefined);
  assert.equal(replica.isLive(), false);
  await until("the end of the row", async () => !(await live(id)));
  assert.equal(lapses, 0);
  block = undefined;
  free.resolve();
  await until("another life", () => (replica.life() ?? 0) > 1);
  assert.ok(lapses > 0);
});

test("a renewal counts from when it was sent, however late its answer comes (G1)", async (t) => {
  const held: (() => void)[] = [];
  let hold = false;
  const answeredLate = new Proxy(sql, {
    get: (target, key) =>
      key === "begin"
        ? async (work: (tx: unknown) => Promise<unknown>) => {
            await target.begin(work as never);
            if (hold) await new Promise<void>((answer) => held.push(answer));
          }
        : Reflect.get(target, key),
  });
  // Before the replica is stopped, which waits for its renewal.
  t.after(() => {
    hold = false;
    for (const answer of held) answer();
  });
  const { replica, id } = await start(t, answeredLate);
  hold = true;
  await until("the end of its row", async () => !(await live(id)));
  assert.equal(replica.isLive(), false);
  held[0]?.();
  await until("the next renewal", () => held.length === 2);
  assert.equal(replica.isLive(), false);
});

test("the service counts as resumed when a row begins while none was live, and not otherwise", async () => {
  await sql`update replicas set ends_at = clock_timestamp() - interval '1 s'`;
  const before = await readNow(sql);
  const [one, two] = [uuid() as ReplicaId, uuid() as ReplicaId];
  await renewReplica(sql, { id: one, agentAddress: "a", endMs: 60_000 });
  const resumed = await readResumedAt(sql);
  assert.ok(resumed >= before);
  await renewReplica(sql, { id: two, agentAddress: "b", endMs: 60_000 });
  await renewReplica(sql, { id: one, agentAddress: "a", endMs: 60_000 });
  assert.equal(await readResumedAt(sql), resumed);
});
