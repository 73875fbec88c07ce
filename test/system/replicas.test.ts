// Two replicas on one external Postgres: a run started at one, watched at the other, carried out by an agent attached to
// either; one of them killed. G1, G5, G8.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DroverClient, RunEvent } from "../../sdk/index.ts";
import { type ExternalPostgres, startExternalPostgres } from "../support/external-postgres.ts";
import { mousepad, noteWorkflow } from "../support/notes.ts";
import { type Product, startProduct, until } from "../support/product.ts";

let postgres: ExternalPostgres;
let product: Product;

before(async () => {
  postgres = await startExternalPostgres();
  product = await startProduct({
    machines: 2,
    applications: ["mousepad"],
    replicas: 2,
    databaseUrl: postgres.url,
    // One agent prefers the one replica, the other the other.
    agentUrlFor: (servers, machine) =>
      (machine % 2 === 0 ? servers : [...servers].reverse()).map((s) => s.agentUrl).join(","),
  });
  await product.put(mousepad, noteWorkflow("note", { linger: "3s" }));
});

after(async () => {
  await product?.stop();
  await postgres?.stop();
});

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** Begins to watch all runs. */
async function watchAll(client: DroverClient) {
  const numbers = new Map<string, number[]>();
  const stop = new AbortController();
  const begun = Promise.withResolvers<string>();
  void (async () => {
    for await (const { runId, event } of client.watchRuns({ signal: stop.signal, onCursor: begun.resolve })) {
      numbers.set(runId, [...(numbers.get(runId) ?? []), event.number]);
    }
  })().catch(begun.reject);
  await begun.promise;
  return { told: (id: string) => numbers.get(id) ?? [], stop: () => stop.abort() };
}

const assertGapless = (events: readonly RunEvent[]) =>
  assert.deepEqual(
    events.map((event) => event.number),
    events.map((_, index) => index + 1),
  );

test("runs started at one replica and watched at the other are done by agents of both", async () => {
  const [one, other] = product.servers;
  assert.ok(one !== undefined && other !== undefined);
  const paths = [0, 1].map((i) => join(product.dir, `both-${i}.txt`));
  const runs = await Promise.all(
    paths.map((path) => product.client(one).start("note", { path, text: "two replicas" })),
  );
  const watched = await Promise.all(runs.map((run) => collect(product.client(other).run(run.id))));
  for (const events of watched) assertGapless(events);
  const machines = watched.map((events) => events.find((event) => event.kind === "PLACED")?.machine);
  assert.deepEqual(machines.sort(), ["vm-1", "vm-2"], "each machine, and so each replica's agent, did one");
  for (const path of paths) assert.equal(readFileSync(path, "utf8"), "two replicas");
});

test("when one replica is killed its agents and watchers move to the other, and no run is lost", async () => {
  const [one, other] = product.servers;
  assert.ok(one !== undefined && other !== undefined);
  const client = product.client([one, other]);
  const all = await watchAll(client);
  const paths = [0, 1, 2].map((i) => join(product.dir, `moved-${i}.txt`));
  const runs = await Promise.all(paths.map((path) => client.start("note", { path, text: "moved" })));
  const watching = runs.map((run) => collect(run));
  await until("two of them are under way", async () => {
    const states = await Promise.all(
      runs.map(async (run) => (await product.client(other).run(run.id).refresh()).state),
    );
    return states.filter((state) => state === 2).length === 2;
  });
  await one.kill();
  const watched = await Promise.all(watching);
  for (const events of watched) assertGapless(events);
  for (const [n, run] of runs.entries()) {
    const numbers = watched[n]?.map((event) => event.number);
    await until("the watch of all runs has told the last", () =>
      all.told(run.id).length === numbers?.length ? true : undefined,
    );
    assert.deepEqual(all.told(run.id), numbers);
  }
  all.stop();
  for (const run of runs) {
    await run.result().catch(async (error) => assert.fail(`${error}\n${await product.tell(run.id, other)}`));
  }
  for (const path of paths) assert.equal(readFileSync(path, "utf8"), "moved");
  for (const name of ["vm-1", "vm-2"]) {
    await until(
      `${name} is attached to the other replica`,
      async () => (await product.client(other).machine(name)).status === 1,
    );
  }
  await one.start();
});
