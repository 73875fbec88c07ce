// A replica that is cut off from Postgres alone, its agents still attached by open sockets: G1, G9.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { leaseClocks } from "../../server/rules/limits.ts";
import { until } from "../support/product.ts";
import { startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { assertAllGapless, endsOf, Fleet, followAll } from "./fleet.ts";
import { assertEachOnce, note, stretchesOf } from "./journal.ts";
import { recoversWithin, tellRecovery } from "./recovery.ts";

/** How many machines know only the replica that is cut off, both replicas, only the other one. */
const [bound, free, elsewhere] = [4, 3, 4];
const machines = bound + free + elsewhere;
/** A tick of the agent's lease clock, and what a busy machine adds. */
const noticingMs = 500;

let fleet: Fleet;
let proxy: TcpProxy;

before(async () => {
  fleet = await Fleet.start({
    replicas: 2,
    machines,
    inputMs: 30,
    async databaseUrlFor(databaseUrl, replica) {
      if (replica === 0) return databaseUrl;
      const url = new URL(databaseUrl);
      proxy = await startProxy(Number(url.port));
      url.port = `${proxy.port}`;
      return url.href;
    },
    addressesFor([whole, cut], machine) {
      assert.ok(whole !== undefined && cut !== undefined);
      if (machine < bound) return cut.agentUrl;
      return machine < bound + free ? `${cut.agentUrl},${whole.agentUrl}` : whole.agentUrl;
    },
  });
});

after(async () => {
  proxy?.letThrough();
  await fleet?.stop();
  await proxy?.stop();
});

test("it acks no beat: its machines hold, and only then are handed on by the other replica; nobody is driven twice", async (t) => {
  const [whole] = fleet.servers;
  assert.ok(whole !== undefined);
  const notes = Array.from({ length: machines }, (_, i) => note(i, 700));
  const started = await fleet.startRuns(notes);
  const over = followAll(started.map(({ id }) => fleet.product.client(whole).run(id)));
  await fleet.typing(machines, 10);
  for (let i = 0; i < bound; i++) await fleet.addMachine(whole.agentUrl);

  const cutAt = Date.now();
  proxy.hold("in", "out");
  const events = await over;
  assertAllGapless(events);
  const journals = fleet.journals();
  const lostMs: number[] = [];
  for (const [i, machine] of fleet.machines.entries()) {
    const stretches = stretchesOf(machine.name, journals.get(machine.name) ?? [], notes);
    const lastBefore = stretches.find(({ from }) => from < cutAt);
    if (i >= machines) continue;
    assert.ok(lastBefore !== undefined);
    const ended = events[lastBefore.note]?.find((event) => event.kind === "ATTEMPT_ENDED" || event.kind === "ENDED");
    if (i >= bound) {
      assert.ok(lastBefore.whole, `${machine.name} went on in the same text`);
      continue;
    }
    const endedAt = ended?.at.getTime() ?? assert.fail("the attempt ended");
    assert.ok(
      machine.said("the stream ended").some((at) => at > cutAt),
      `${machine.name} was not acked`,
    );
    assert.ok(lastBefore.to < cutAt + leaseClocks.agentStopMs + noticingMs, `${machine.name} held`);
    assert.ok(lastBefore.to < endedAt, `${machine.name} held before its run was handed on`);
    lostMs.push(endedAt - cutAt);
  }
  recoversWithin(
    t,
    leaseClocks.replicaEndMs + leaseClocks.takeoverMs + 1_000,
    "a replica cut off from Postgres, a machine that knows no other is handed on",
    ...lostMs,
  );
  const movedMs = fleet.machines
    .slice(bound, bound + free)
    .map((machine) => (machine.said("attached").find((at) => at > cutAt) ?? assert.fail("it moved")) - cutAt);
  recoversWithin(
    t,
    leaseClocks.takeoverMs,
    "a replica cut off from Postgres, a machine that knows another is attached there",
    ...movedMs,
  );
  const { notSucceeded, attempts } = await endsOf(started.map(({ id }) => fleet.product.client(whole).run(id)));
  assert.deepEqual(notSucceeded, [], fleet.tell());
  assert.equal(attempts.filter((count) => count === 2).length, bound, "what could not move was handed on, once");
  assertEachOnce(journals, notes);

  proxy.letThrough();
  const healedAt = performance.now();
  await until("every machine is idle", () => fleet.allIdle(), 60_000);
  tellRecovery(t, "a replica reaches Postgres again, its machines are attached", performance.now() - healedAt);
});
