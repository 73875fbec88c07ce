// Every replica and Postgres are down for 30 s, under load: G1, G5. One machine does not come back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { leaseClocks } from "../../server/rules/limits.ts";
import { assertAllGapless, endsOf, Fleet, followAll } from "./fleet.ts";
import { assertEachOnce, note } from "./journal.ts";
import { recoversWithin } from "./recovery.ts";

const machines = 20;
const outageMs = 30_000;
/** A tick of the agent's lease clock, and what a busy machine adds. */
const noticingMs = 500;

let fleet: Fleet;

before(async () => {
  fleet = await Fleet.start({ replicas: 3, machines: machines + 1, inputMs: 100 });
});

after(() => fleet?.stop());

test("after 30 s without anything, every run goes on where it was, and what is handed on is handed on after the grace", async (t) => {
  // Long enough to be in mid-text when the outage begins and when it is over; and some that still wait for a machine.
  const notes = Array.from({ length: machines + 6 }, (_, i) => note(i, i < machines + 1 ? 300 : 30));
  const started = await fleet.startRuns(notes);
  const over = followAll(started);
  await fleet.typing(machines + 1, 10);

  const downAt = Date.now();
  await Promise.all([...fleet.servers.map((server) => server.kill()), fleet.postgres.down("SIGKILL")]);
  const lost = fleet.machines[0] ?? assert.fail();
  await lost.kill();
  await delay(outageMs);
  await fleet.postgres.up();
  const upAt = Date.now();
  await Promise.all(fleet.servers.map((server) => server.start()));
  const servingAt = Date.now();

  const events = await over;
  assertAllGapless(events);
  const handedOn = events.flatMap((all) => all.filter((event) => event.kind === "PLACED" && event.attempt > 1));
  const [only, ...more] = handedOn;
  assert.ok(only !== undefined && more.length === 0, "only the run of the lost machine was handed on");
  // It may have waited for a machine as well: this is no recovery time.
  assert.ok(only.at.getTime() >= upAt + leaseClocks.takeoverMs, "not within the grace");

  const journals = fleet.journals();
  const againMs: number[] = [];
  for (const [machine, journal] of journals) {
    const times = journal.map(({ at }) => at);
    const inOutage = times.filter((at) => at > downAt + leaseClocks.agentStopMs + noticingMs && at < upAt);
    assert.equal(inOutage.length, 0, `${machine} held`);
    const again = times.find((at) => at >= upAt);
    if (again !== undefined && machine !== lost.name) againMs.push(again - servingAt);
  }
  assert.equal(againMs.length, machines);
  recoversWithin(
    t,
    15_000,
    "all down for 30 s, a machine types again after the start",
    ...againMs.map((ms) => Math.max(0, ms)),
  );
  const { notSucceeded } = await endsOf(started);
  assert.deepEqual(notSucceeded, [], fleet.tell());
  const stretches = assertEachOnce(journals, notes);
  assert.equal(stretches.length, notes.length + 1, "all but the lost machine's went on in the same text");
});
