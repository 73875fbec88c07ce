// kill -9 of the control plane and of its database in mid-run, on a real desktop: G1, G5, G8.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { RunEvent, RunHandle } from "../../sdk/index.ts";
import { mousepad, neverDone, noteWorkflow } from "../support/notes.ts";
import { killProcess, type Product, postgresPid, startProduct, until } from "../support/product.ts";

let product: Product;

before(async () => {
  product = await startProduct({ machines: 3, applications: ["mousepad"] });
  await product.put(
    mousepad,
    noteWorkflow("note", { linger: "3s" }),
    noteWorkflow("lingering", { linger: "36s" }),
    noteWorkflow("committing", { done: neverDone }),
  );
});

after(() => product?.stop());

/** Watches a run to its end in the background; resolves `reached` when a step begins. */
function watch(run: RunHandle, step: string) {
  const events: RunEvent[] = [];
  const reached = Promise.withResolvers<void>();
  const over = (async () => {
    for await (const event of run) {
      events.push(event);
      if (event.kind === "STEP_STARTED" && event.step === step) reached.resolve();
    }
    reached.reject(new Error(`the run ended before ${step}: ${JSON.stringify(events.at(-1)?.kind)}`));
  })();
  over.catch(reached.reject);
  reached.promise.catch(() => {});
  return { events, reached: reached.promise, over };
}

/** Fails with what `tell` says when `work` takes longer. */
async function within(timeoutMs: number, work: Promise<unknown>, tell: () => Promise<string>): Promise<void> {
  const late = new AbortController();
  const told = delay(timeoutMs, undefined, { signal: late.signal }).then(
    async () =>
      assert.fail(`not over within ${timeoutMs} ms:\n${await tell()}\n${product.server.log.slice(-40).join("\n")}`),
    () => {},
  );
  await Promise.race([work, told]);
  late.abort();
}

function assertGapless(events: readonly RunEvent[]): void {
  assert.deepEqual(
    events.map((event) => event.number),
    events.map((_, index) => index + 1),
  );
}

async function assertSucceededOnce(run: RunHandle, path: string, text: string): Promise<void> {
  await run.result().catch(async (error) => assert.fail(`${error}\n${await product.tell(run.id)}`));
  assert.equal(readFileSync(path, "utf8"), text);
  const { attempts } = (await product.client().services.runs.getRun({ runId: run.id })).run ?? assert.fail();
  assert.equal(attempts.length, 1, "nothing was handed on");
}

test("a run goes on where it was when its server is killed and comes back; the watcher sees every event once", async () => {
  const path = join(product.dir, "server-killed.txt");
  const run = await product.client().start("note", { path, text: "typed once" });
  const watching = watch(run, "linger");
  await watching.reached;
  await product.server.kill();
  await product.server.start();
  await watching.over;
  assertGapless(watching.events);
  await assertSucceededOnce(run, path, "typed once");
});

test("service resumes by itself when the embedded database is killed in mid-run", async () => {
  const path = join(product.dir, "postgres-killed.txt");
  const run = await product.client().start("note", { path, text: "typed once" });
  const watching = watch(run, "linger");
  await watching.reached;
  killProcess(await postgresPid(product.server));
  await watching.over;
  assertGapless(watching.events);
  await assertSucceededOnce(run, path, "typed once");
});

test("after 30 s without server and database each run goes on or ends with the right label, and none was handed on in the grace", async () => {
  const client = product.client();
  const paths = { lingering: join(product.dir, "lingering.txt"), committing: join(product.dir, "committing.txt") };
  const lingering = await client.start("lingering", { path: paths.lingering, text: "still here" });
  const committing = await client.start("committing", { path: paths.committing, text: "perhaps" });
  const watchers = [watch(lingering, "linger"), watch(committing, "save")] as const;
  await Promise.all(watchers.map((w) => w.reached));
  const postgres = await postgresPid(product.server);
  await product.server.kill();
  killProcess(postgres);
  await delay(30_000);
  await product.server.start();
  const servingAgain = Date.now();
  const over = Promise.all(watchers.map((w) => w.over));
  await within(90_000, over, async () => `${await product.tell(lingering.id)}\n${await product.tell(committing.id)}`);
  for (const { events } of watchers) {
    assertGapless(events);
    for (const event of events) {
      const handedOn = event.kind === "PLACED" && event.attempt > 1;
      if (handedOn) assert.ok(event.at.getTime() > servingAgain + 12_000, "not within the grace");
    }
  }
  await assertSucceededOnce(lingering, paths.lingering, "still here");
  const ended = (await client.services.runs.getRun({ runId: committing.id })).run ?? assert.fail();
  assert.equal(ended.outcome, 5, "inside the commit: UNKNOWN");
  assert.equal(ended.commitLabel, 3);
  assert.equal(ended.attempts.length, 1);
});

test("a run that is started is kept when the server is killed at once", async () => {
  const path = join(product.dir, "kept.txt");
  const run = await product.client().start("note", { path, text: "kept" });
  await product.server.kill();
  await product.server.start();
  await until("the run is done", async () => (await product.client().run(run.id).refresh()).state === 4, 60_000);
  await assertSucceededOnce(run, path, "kept");
});
