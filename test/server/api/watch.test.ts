import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { RunEventKind } from "../../../proto/gen/drover/v1/event_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import type { RunDoor } from "../../../server/api/door.ts";
import type { Principal } from "../../../server/api/keyring.ts";
import { watchRun } from "../../../server/api/watch.ts";
import type { RunId } from "../../../server/rules/names.ts";
import type { RunView } from "../../../server/store/run-reads.ts";
import { ended, serveStub, stub, stubWakeup, tenantA, until, untilSettled } from "./stub.ts";

const step = { kind: "STEP_STARTED", step: "s", attempt: 1, machine: "m" } as const;

test("a watcher that comes back with its last number misses nothing and sees nothing twice (G8)", async (t) => {
  const { api, key, addRun, append, audited } = await serveStub(t);
  const id = addRun();
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const options = { headers: { authorization: `Bearer ${key("caller")}` } };
  const numbers: bigint[] = [];
  const writing = (async () => {
    for (let n = 0; n < 40; n++) {
      for (let m = 0; m < 20; m++) append(id, step);
      await new Promise((next) => setImmediate(next));
    }
    append(id, ended);
  })();
  const breaks = [37, 5, 300];
  let opened = 0;
  for (let over = false; !over; ) {
    let sinceOpen = 0;
    opened++;
    for await (const { event } of client.watchRun({ runId: id, afterEvent: numbers.at(-1) ?? 0n }, options)) {
      if (event === undefined) continue;
      numbers.push(event.number);
      over = event.kind === RunEventKind.ENDED;
      if (over) assert.deepEqual(event.outputs, { title: "secret title" });
      // Within a page of the store, and beyond it.
      if (++sinceOpen === breaks[opened % breaks.length]) break;
    }
  }
  await writing;
  assert.deepEqual(
    numbers,
    Array.from({ length: 802 }, (_, n) => BigInt(n + 1)),
  );
  // More than once: the server was ahead of a client that broke off.
  assert.ok(audited.length > 0 && audited.every((entry) => "viewed" in entry && entry.viewed === "outputs"));
  // Once more, after the end: nothing is left to tell, and the stream closes.
  for await (const _ of client.watchRun({ runId: id, afterEvent: 802n }, options)) assert.fail("there is no event 803");
  await assert.rejects(
    async () => {
      for await (const _ of client.watchRun({ runId: id, afterEvent: 803n }, options));
    },
    (error) => ConnectError.from(error).code === Code.OutOfRange,
  );
});

test("an event reaches its watcher without a wake-up within about a second", async (t) => {
  const { api, key, addRun, runs } = await serveStub(t);
  const id = addRun();
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  let began = Number.NaN;
  for await (const _ of client.watchRun({ runId: id }, { headers: { authorization: `Bearer ${key("caller")}` } })) {
    const kept = runs.get(id);
    if (kept?.events.length !== 1) continue;
    // Behind the back of the wake-up.
    began = performance.now();
    kept.events.push({ number: 2, at: 1, body: ended });
  }
  assert.ok(performance.now() - began < 2_000);
});

test("a watch lets go of its subscription when its client vanishes, on HTTP/2 and on HTTP/1.1, reading or not", async (t) => {
  const served = await serveStub(t);
  const { api, key, addRun, append, wakeup } = served;
  const id = addRun();
  const secret = key("caller");
  for (const transport of [
    createGrpcTransport({ baseUrl: api.url }),
    createConnectTransport({ baseUrl: api.url, httpVersion: "1.1" }),
  ]) {
    const abort = new AbortController();
    const options = { headers: { authorization: `Bearer ${secret}` }, signal: abort.signal };
    const watching = (async () => {
      for await (const _ of createClient(RunService, transport).watchRun({ runId: id }, options));
    })().catch(() => undefined);
    await until("it watches", () => wakeup.count(`run:${id}`) === 1);
    abort.abort();
    await watching;
    await until("it lets go", () => wakeup.count(`run:${id}`) === 0);
  }

  for (let n = 0; n < 20_000; n++) append(id, { ...step, step: "s".repeat(900) });
  const { hostname, port } = new URL(api.url);
  const headers = { "content-type": "application/connect+json", authorization: `Bearer ${secret}` };
  const path = "/drover.v1.RunService/WatchRun";
  let told = false;
  const request = httpRequest({ hostname, port, path, method: "POST", headers }, (response) => {
    response.pause();
    told = true;
  });
  request.on("error", () => undefined);
  const body = Buffer.from(JSON.stringify({ runId: id }));
  request.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  await untilSettled("the server waits for the client", () => served.reads);
  assert.ok(told);
  request.destroy();
  await until("it lets go", () => wakeup.count(`run:${id}`) === 0);
});

test("when nothing happens, a sign of life is sent, and the wait ends with the signal", async () => {
  const wakeup = stubWakeup();
  const door = stub<RunDoor>({
    readRunView: async () => ({ lastEvent: 1, state: "running" }) as RunView,
    eventsAfter: async () => [],
  });
  const abort = new AbortController();
  const principal = { tenant: tenantA } as Principal;
  const watched = { door, wakeup, audit: () => undefined, signOfLifeMs: 30 };
  const signs: unknown[] = [];
  for await (const message of watchRun(watched, principal, "r" as RunId, 1n, abort.signal)) {
    signs.push(message);
    if (signs.length === 3) abort.abort();
  }
  assert.deepEqual(signs, [{}, {}, {}]);
  assert.equal(wakeup.count("run:r"), 0);
});
