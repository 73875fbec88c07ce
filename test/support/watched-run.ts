// A run that is watched while things are killed under it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { RunEvent, RunHandle } from "../../sdk/index.ts";
import type { Product } from "./product.ts";

/** Watches a run to its end in the background; resolves `reached` when a step begins. */
export function watch(run: RunHandle, step: string) {
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

/** G8: numbered from 1, none missing, none twice. */
export function assertGapless(events: readonly RunEvent[]): void {
  assert.deepEqual(
    events.map((event) => event.number),
    events.map((_, index) => index + 1),
  );
}

/** The run succeeded at its first attempt and its note holds this text. */
export async function assertSucceededOnce(product: Product, run: RunHandle, path: string, text: string): Promise<void> {
  await run.result().catch(async (error) => assert.fail(`${error}\n${await product.tell(run.id)}`));
  assert.equal(readFileSync(path, "utf8"), text);
  const { attempts } = (await product.client().services.runs.getRun({ runId: run.id })).run ?? assert.fail();
  assert.equal(attempts.length, 1, "nothing was handed on");
}
