// An outage of everything that lasts, in mid-run, on a real desktop: G1, G5, G8.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { mousepad, neverDone, noteWorkflow } from "../support/notes.ts";
import { killProcess, type Product, postgresPid, startProduct } from "../support/product.ts";
import { assertGapless, assertSucceededOnce, watch } from "../support/watched-run.ts";

let product: Product;

before(async () => {
  product = await startProduct({ machines: 3, applications: ["mousepad"], embeddedPostgres: true });
  await product.put(
    mousepad,
    noteWorkflow("lingering", { linger: "36s" }),
    noteWorkflow("committing", { done: neverDone }),
  );
});

after(() => product?.stop());

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
  await assertSucceededOnce(product, lingering, paths.lingering, "still here");
  const ended = (await client.services.runs.getRun({ runId: committing.id })).run ?? assert.fail();
  assert.equal(ended.outcome, 5, "inside the commit: UNKNOWN");
  assert.equal(ended.commitLabel, 3);
  assert.equal(ended.attempts.length, 1);
});
