// Runs through the SDK, against real sockets: what a caller sees, and what it is spared.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ClientOptions } from "../../sdk/client.ts";
import { FailureContextSchema } from "../../sdk/gen/drover/v1/outcome_pb.ts";
import {
  all,
  createClient,
  http1Transport,
  PermissionDenied,
  RunFailed,
  type RunHandle,
  RunUnknown,
  Unavailable,
  WaitTimedOut,
} from "../../sdk/index.ts";
import { fetchTransport } from "../../sdk/web.ts";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey } from "../support/fake-services.ts";

// Quick, so that a test of waiting does not wait.
const limits = { backoffMinMs: 5, backoffMaxMs: 40, idleMs: 400, callPatienceMs: 5_000, attemptMs: 2_000 };

let api: FakeApi;
const clients: { close(): void }[] = [];

function client(options: Partial<ClientOptions> = {}) {
  const made = createClient({ url: api.url, key: adminKey, limits, ...options });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  await api?.kill();
  api = await new FakeApi().start();
});
after(async () => {
  for (const made of clients) made.close();
  await api.kill();
});

/** Collects numbers in the background until the run has ended. */
function follow(run: RunHandle) {
  const numbers: number[] = [];
  const grown = new EventTarget();
  const ended = (async () => {
    for await (const event of run) {
      numbers.push(event.number);
      grown.dispatchEvent(new Event("grown"));
    }
  })();
  return {
    numbers,
    ended,
    async until(count: number): Promise<void> {
      while (numbers.length < count) await once(grown, "grown", { signal: AbortSignal.timeout(5_000) });
    },
  };
}

function fakeOf(run: RunHandle) {
  const fake = api.state.runs.find((each) => each.run.id === run.id);
  assert.ok(fake);
  return fake;
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

const transports = { "HTTP/2": undefined, "HTTP/1.1": http1Transport, fetch: fetchTransport };
for (const [name, transport] of Object.entries(transports)) {
  describe(`over ${name}`, () => {
    test("a started run tells its events and gives its outputs", { timeout: 10_000 }, async () => {
      const run = await client({ transport }).start("notes.save", { text: "hello" });
      const fake = fakeOf(run);
      api.tell(fake, "PLACED", { machine: "vm-1", attempt: 1 });
      api.tell(fake, "STEP_DONE", { step: "save", attempt: 1, duration: { seconds: 1n, nanos: 500_000_000 } });
      api.end(fake, "SUCCEEDED", { outputs: { title: "hello" } });
      const seen = [];
      for await (const event of run) {
        seen.push(event.kind === "STEP_DONE" ? `${event.kind} ${event.step} ${event.durationMs}` : event.kind);
      }
      assert.deepEqual(seen, ["QUEUED", "PLACED", "STEP_DONE save 1500", "ENDED"]);
      assert.deepEqual(await run.result(), { title: "hello" });
    });

    test("a watch goes on through a killed server without a gap or a repetition", { timeout: 10_000 }, async () => {
      const run = await client({ transport }).start("notes.save");
      const fake = fakeOf(run);
      const watching = follow(run);
      for (let number = 2; number <= 5; number++) api.tell(fake, "STEP_DONE");
      await watching.until(5);
      await api.kill();
      for (let number = 6; number <= 8; number++) api.tell(fake, "STEP_DONE");
      await api.start();
      await watching.until(8);
      api.cut();
      api.end(fake, "SUCCEEDED");
      await watching.ended;
      assert.deepEqual(watching.numbers, upTo(9));
      assert.ok(api.state.watchedAfter.includes(5), "it asked to go on after the last number it had seen");
    });
  });
}

test("each loop over a run begins at 1", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  api.end(fakeOf(run), "SUCCEEDED");
  for (let round = 0; round < 2; round++) {
    const watching = follow(run);
    await watching.ended;
    assert.deepEqual(watching.numbers, [1, 2]);
  }
});

test("events that the server repeats are told once", { timeout: 10_000 }, async () => {
  api.state.repeatEvents = true;
  const run = await client().start("notes.save");
  const fake = fakeOf(run);
  const watching = follow(run);
  api.tell(fake, "PLACED");
  await watching.until(2);
  api.cut();
  api.tell(fake, "PROVED");
  api.end(fake, "SUCCEEDED");
  await watching.ended;
  assert.deepEqual(watching.numbers, upTo(4));
});

test("a watch that begins after the last event is over at once", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  api.end(fakeOf(run), "SUCCEEDED");
  for await (const event of run.events({ afterEvent: 2 })) assert.fail(`event ${event.number}`);
});

test("an event that a stream left out is asked for again", { timeout: 10_000 }, async () => {
  api.state.skipOnce = 2;
  const run = await client().start("notes.save");
  api.tell(fakeOf(run), "PLACED");
  api.end(fakeOf(run), "SUCCEEDED");
  const watching = follow(run);
  await watching.ended;
  assert.deepEqual(watching.numbers, upTo(3));
  assert.deepEqual(api.state.watchedAfter, [0, 1]);
});

test("a watch that hears nothing is begun anew", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  api.end(fakeOf(run), "SUCCEEDED");
  api.state.silent = true;
  const lost: unknown[] = [];
  for await (const event of run.events({
    // Silence that nobody notices must fail this test, not hang its file.
    signal: AbortSignal.timeout(5_000),
    onReconnect(cause) {
      lost.push(cause);
      api.state.silent = false;
    },
  })) {
    assert.ok(lost.length > 0, `event ${event.number} came out of silence`);
  }
  assert.match(String(lost[0]), /no sign of life/);
});

test("a reader may take longer over an event than the server may be silent", { timeout: 10_000 }, async () => {
  const run = await client({ limits: { ...limits, idleMs: 50 } }).start("notes.save");
  api.end(fakeOf(run), "SUCCEEDED");
  let reconnects = 0;
  for await (const _event of run.events({ onReconnect: () => reconnects++ })) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 150);
    await promise;
  }
  assert.equal(reconnects, 0);
});

test("a start whose answer is lost makes one run, not two", { timeout: 10_000 }, async () => {
  api.state.before.set("StartRun", (call) => {
    if (call < 3) api.cut();
  });
  const run = await client().start("notes.save");
  assert.equal(api.state.calls.get("StartRun"), 3);
  assert.deepEqual(
    api.state.runs.map((each) => each.run.id),
    [run.id],
  );
});

test("two starts make two runs, and two with the same idempotency key make one", { timeout: 10_000 }, async () => {
  const { start } = client();
  const [one, two] = [await start("notes.save"), await start("notes.save")];
  assert.notEqual(one.id, two.id);
  const again = [
    await start("notes.save", {}, { idempotencyKey: "order-7" }),
    await start("notes.save", {}, { idempotencyKey: "order-7" }),
  ];
  assert.equal(again[0]?.id, again[1]?.id);
});

test("result() works beside a loop, in it and after it", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  const [watching, result] = [follow(run), run.result()];
  await watching.until(1);
  api.end(fakeOf(run), "SUCCEEDED", { outputs: { n: 1 } });
  assert.deepEqual(await result, { n: 1 });
  await watching.ended;
  const before = api.state.watchedAfter.length;
  assert.deepEqual(await run.result(), { n: 1 });
  assert.equal(api.state.watchedAfter.length, before, "what the loop has seen is not asked for again");
});

test("a run that did not succeed throws its outcome, failure and commit label", { timeout: 10_000 }, async () => {
  const { start } = client();
  const failed = await start("notes.save");
  const failure = { category: "TARGET_NOT_FOUND", message: "no such window", step: "save", retryDecision: "no more" };
  api.end(fakeOf(failed), "FAILED", { failure });
  await assert.rejects(failed.result(), (error) => {
    assert.ok(error instanceof RunFailed);
    assert.equal(error.runId, failed.id);
    assert.equal(error.commitLabel, "BEFORE_COMMIT");
    assert.equal(error.failure?.category, "TARGET_NOT_FOUND");
    assert.match(error.message, /ended FAILED \(BEFORE_COMMIT\): TARGET_NOT_FOUND at step save: no such window/);
    return true;
  });
  const unknown = await start("notes.save");
  api.end(fakeOf(unknown), "UNKNOWN", { commitLabel: 3 });
  await assert.rejects(unknown.result(), (error) => error instanceof RunUnknown && error.commitLabel === "UNKNOWN");
  for (const [outcome, name] of [
    ["CANCELLED", "RunCancelled"],
    ["EXPIRED", "RunExpired"],
  ] as const) {
    const run = await start("notes.save");
    api.end(fakeOf(run), outcome);
    await assert.rejects(run.result(), { name });
  }
});

test("how it came that a run did not succeed is asked for when somebody wants to know", {
  timeout: 10_000,
}, async () => {
  const run = await client().start("notes.save");
  api.end(fakeOf(run), "FAILED");
  fakeOf(run).run.failureContext = create(FailureContextSchema, { attempt: 2, machine: "vm-7" });
  const error = await run.result().then(
    () => assert.fail("it has failed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RunFailed);
  assert.equal(api.state.calls.get("GetRun"), undefined, "nobody has looked yet");
  assert.equal((await error.context())?.machine, "vm-7");
});

test("a run that ended UNKNOWN is settled, and gives what it was settled as", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  const fake = fakeOf(run);
  api.end(fake, "UNKNOWN", { commitLabel: 3 });
  const watching = follow(run);
  await watching.ended;
  assert.deepEqual(watching.numbers, [1, 2]);
  await assert.rejects(run.result(), RunUnknown);
  api.state.before.set("ResolveRun", () => {
    api.tell(fake, "RESOLVED");
    api.end(fake, "SUCCEEDED", { outputs: { title: "seen" } });
  });
  await run.resolve({ as: "SUCCEEDED", outputs: { title: "seen" }, note: "chart 7" });
  assert.deepEqual(api.state.resolutions, [
    { resolveAs: 1, outputs: { title: "seen" }, nothingCommitted: false, note: "chart 7" },
  ]);
  api.state.watchedAfter.length = 0;
  assert.deepEqual(await run.result(), { title: "seen" });
  assert.deepEqual(api.state.watchedAfter, [2], "what the loop has seen is not asked for again");
  const [all, fresh] = [follow(run), client().run(run.id).result()];
  await all.ended;
  assert.deepEqual(all.numbers, upTo(4));
  assert.deepEqual(await fresh, { title: "seen" }, "to who comes for the first time as well");
});

test("waiting ends with its time limit or its signal, and says so", { timeout: 10_000 }, async () => {
  const run = await client().start("notes.save");
  await assert.rejects(run.result({ timeoutMs: 30 }), WaitTimedOut);
  const stop = new AbortController();
  const reason = new Error("enough");
  const watching = (async () => {
    for await (const _event of run.events({ signal: stop.signal })) stop.abort(reason);
  })();
  await assert.rejects(watching, (error) => error === reason);
  await assert.rejects(run.result({ signal: stop.signal }), (error) => error === reason);
  await assert.rejects(run.refresh({ signal: stop.signal }), (error) => error === reason);
});

test("closing the client ends its watches and calls, also while no replica can be reached", {
  timeout: 10_000,
}, async () => {
  const made = client();
  const run = await made.start("notes.save");
  await api.kill();
  const watching = (async () => {
    for await (const _ of run);
  })();
  const calling = made.run(run.id).refresh();
  made.close();
  await assert.rejects(watching, { name: "AbortError" });
  await assert.rejects(calling);
});

test("a watch gives up when no replica says a word for as long as its patience", { timeout: 10_000 }, async () => {
  const run = await client({ limits: { ...limits, watchPatienceMs: 200 } }).start("notes.save");
  await api.kill();
  await assert.rejects(run.result(), Unavailable);
});

test("many are started in one call, each taken or refused by itself", { timeout: 10_000 }, async () => {
  const results = await client().startMany([{ workflow: "notes.save" }, { workflow: "no.such" }]);
  assert.deepEqual(
    results.map((each) => ("started" in each ? "started" : each.refused.reason)),
    ["started", "WORKFLOW_NOT_FOUND"],
  );
});

test("a list of runs is read page after page", { timeout: 10_000 }, async () => {
  for (let index = 0; index < 250; index++) api.addRun();
  const ids = new Set<string>();
  for await (const run of client().runs({ workflow: "notes.save", state: "QUEUED" })) ids.add(run.id);
  assert.equal(ids.size, 250);
  assert.equal(api.state.calls.get("ListRuns"), 3);
});

test("what operators decide about the queue goes through the client", { timeout: 10_000 }, async () => {
  const notBefore = new Date(Date.now() + 3_600_000);
  const run = await client().start("notes.save", {}, { notBefore });
  const moved = await run.moveToFront();
  assert.equal(moved.movedToFront, true);
  assert.deepEqual(moved.notBefore && timestampDate(moved.notBefore), notBefore);
  api.addRun("notes.save", { caller: "ward" });
  const callers = (await all(client().runs({ caller: "ward" }))).map(({ caller }) => caller);
  assert.deepEqual(callers, ["ward"]);

  const { pause, pauses, unpause, setLimit, limits, removeLimit } = client();
  const targets = [{ workflow: "notes.save" }, { application: "notes" }, { pool: "clinic" }] as const;
  for (const target of targets) {
    const [[kind, name] = []] = Object.entries(target);
    const { target: named } = await pause(target, "upgrade");
    assert.deepEqual([named?.target.case, named?.target.value], [kind, name]);
  }
  assert.equal((await pauses()).length, 3);
  assert.equal((await unpause(targets[0]))?.reason, "upgrade");
  assert.equal(await unpause(targets[0]), undefined);
  for (const target of [targets[0], targets[1]]) assert.equal((await setLimit(target, 7)).max, 7);
  await removeLimit(targets[0]);
  assert.deepEqual(
    (await limits()).map(({ target }) => target?.target),
    [{ case: "application", value: "notes" }],
  );
  await assert.rejects(pause({ pool: "nowhere" }), { reason: "POOL_NOT_FOUND" });
  await assert.rejects(client({ key: "caller-key" }).setLimit(targets[0], 1), PermissionDenied);
});

describe("with two replicas", () => {
  let second: FakeApi;
  before(async () => {
    second = await new FakeApi().start();
  });
  after(() => second.kill());

  test("calls and watches move to the one that is there", { timeout: 10_000 }, async () => {
    // Two replicas share one store.
    Object.assign(second.state, api.state);
    const { start } = client({ url: [api.url, second.url] });
    const run = await start("notes.save");
    const watching = follow(run);
    await watching.until(1);
    await api.kill();
    api.end(fakeOf(run), "SUCCEEDED");
    await watching.ended;
    assert.deepEqual(watching.numbers, [1, 2]);
    assert.equal((await run.refresh()).id, run.id);
  });
});
