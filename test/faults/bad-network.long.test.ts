// A network between a machine and its server that loses one direction, then the other, is late, and stalls: G1, G9. Judged
// by what the desktops received.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { RunEvent, RunHandle } from "../../sdk/index.ts";
import { leaseClocks } from "../../server/rules/limits.ts";
import { until } from "../support/product.ts";
import { type Direction, startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { assertAllGapless, endsOf, Fleet, followAll, type MachineProcess } from "./fleet.ts";
import { assertEachOnce, type Note, note } from "./journal.ts";
import { tellRecovery } from "./recovery.ts";

/** A tick of the agent's lease clock, and what a busy machine adds. */
const noticingMs = 500;

let fleet: Fleet;
let proxy: TcpProxy;
const asked: Note[] = [];

before(async () => {
  fleet = await Fleet.start({
    replicas: 1,
    machines: 1,
    inputMs: 20,
    async addressesFor([server]) {
      proxy = await startProxy(server?.agentPort ?? 0);
      return `http://127.0.0.1:${proxy.port}`;
    },
  });
});

after(async () => {
  proxy?.letThrough();
  await fleet?.stop();
  await proxy?.stop();
});

/** A run on the machine behind the proxy, in mid-text. */
async function typing(characters: number): Promise<{ run: RunHandle; over: Promise<RunEvent[][]> }> {
  const next = note(asked.length, characters);
  asked.push(next);
  const typed = behind().journal().length;
  const [run] = await fleet.startRuns([next]);
  assert.ok(run !== undefined);
  const over = followAll([run]);
  await until("it is in mid-text", () => behind().journal().length > typed + 20);
  return { run, over };
}

function behind(): MachineProcess {
  return fleet.machines[0] ?? assert.fail("there is a machine behind the proxy");
}

for (const [what, direction, longestMs] of [
  ["what the machine says is lost", "out", 15_000],
  ["what the machine is told is lost", "in", 15_000],
] as const satisfies readonly (readonly [string, Direction, number])[]) {
  test(`when ${what}, it holds, and its run is handed on after that`, async (t) => {
    const { run, over } = await typing(900);
    const spare = await fleet.addMachine(fleet.product.server.agentUrl);
    const lostAt = Date.now();
    proxy.hold(direction);
    const [events = []] = await over;
    assertAllGapless([events]);
    const handedOn = events.find((event) => event.kind === "PLACED" && event.attempt === 2);
    const handedOnMs = (handedOn?.at.getTime() ?? assert.fail("it was handed on")) - lostAt;
    tellRecovery(t, `${what}, its run is placed elsewhere`, handedOnMs);
    const last = behind().journal().at(-1)?.at ?? 0;
    assert.ok(last < lostAt + leaseClocks.agentStopMs + noticingMs, `it typed ${last - lostAt} ms after the loss`);
    assert.ok(last < lostAt + handedOnMs, "it held before");
    const { notSucceeded, attempts } = await endsOf([run]);
    assert.deepEqual([notSucceeded, attempts], [[], [2]], fleet.tell());
    proxy.letThrough();
    const healedAt = performance.now();
    await until("the machine is back", async () => fleet.allIdle(), 30_000);
    tellRecovery(t, `${what}, it is attached again after that is over`, performance.now() - healedAt);
    assertEachOnce(fleet.journals(), asked);
    assert.equal(behind().journal().at(-1)?.at, last, "nothing that arrived late was done");
    await spare.kill();
    assert.ok(handedOnMs <= longestMs, `handed on after ${handedOnMs} ms`);
  });
}

test("half a second of delay each way costs a run time and nothing else", async () => {
  proxy.delayAll(500);
  const { run, over } = await typing(200);
  assertAllGapless(await over);
  proxy.delayAll(0);
  const { notSucceeded, attempts } = await endsOf([run]);
  assert.deepEqual([notSucceeded, attempts], [[], [1]], fleet.tell());
  assertEachOnce(fleet.journals(), asked);
});

for (const stallMs of [4_000, 8_000]) {
  test(`a run goes on in the same text after the network stalled for ${stallMs / 1000} s`, async (t) => {
    const { run, over } = await typing(1_000);
    proxy.hold("in", "out");
    await delay(stallMs);
    proxy.letThrough();
    const before = behind().journal().length;
    const healedAt = performance.now();
    await until("it types", () => behind().journal().length > before);
    tellRecovery(t, `stalled for ${stallMs / 1000} s, it types after that is over`, performance.now() - healedAt);
    assertAllGapless(await over);
    const { notSucceeded, attempts } = await endsOf([run]);
    assert.deepEqual([notSucceeded, attempts], [[], [1]], fleet.tell());
    assertEachOnce(fleet.journals(), asked);
  });
}
