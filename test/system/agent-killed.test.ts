// kill -9 of an agent in mid-run, on real desktops: G1, G4, G6.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RunUnknown } from "../../sdk/index.ts";
import { mousepad, neverDone, noteWorkflow } from "../support/notes.ts";
import { type Product, startProduct, until } from "../support/product.ts";

let product: Product;

before(async () => {
  product = await startProduct({ machines: 2, applications: ["mousepad"] });
  await product.put(mousepad, noteWorkflow("early", { linger: "4s" }), noteWorkflow("late", { done: neverDone }));
});

after(() => product?.stop());

async function killAgentAt(
  runId: string,
  step: string,
): Promise<{ machine: string; killedAt: number; oldPid: number }> {
  const client = product.client();
  let machine = "";
  for await (const event of client.run(runId)) {
    if (event.kind === "PLACED") machine = event.machine;
    if (event.kind === "STEP_STARTED" && event.step === step) break;
  }
  const pid = product.machine(machine).agentPid();
  assert.ok(pid !== undefined, "the agent runs");
  process.kill(pid, "SIGKILL");
  return { machine, killedAt: performance.now(), oldPid: pid };
}

test("a run whose agent is killed before the commit is done on another machine, with the film strip up to the death", async () => {
  const client = product.client();
  const path = join(product.dir, "early.txt");
  const run = await client.start("early", { path, text: "written once" });
  const { machine, killedAt, oldPid } = await killAgentAt(run.id, "linger");
  await until(
    "the supervisor's new incarnation is there",
    () => {
      const pid = product.machine(machine).agentPid();
      return pid !== undefined && pid !== oldPid;
    },
    3_000,
  );
  await until(
    "its machine is attached again",
    async () => (await client.machine(machine)).status === 1,
    3_000 - (performance.now() - killedAt),
  );
  await run
    .result()
    .catch(async (error) =>
      assert.fail(`${error}\n${await product.tell(run.id)}\n${product.server.log.slice(-30).join("\n")}`),
    );
  const { attempts } = (await client.services.runs.getRun({ runId: run.id })).run ?? assert.fail();
  assert.equal(attempts.length, 2);
  assert.equal(attempts[0]?.failure?.category, "AGENT_RESTARTED");
  assert.equal(attempts[0]?.machineName, machine);
  assert.notEqual(attempts[1]?.machineName, machine);
  assert.equal(readFileSync(path, "utf8"), "written once");
  const frames = (await client.artifacts(run.id)).filter((artifact) => artifact.attempt === 1);
  assert.ok(frames.length >= 3, `the first attempt left ${frames.length} pictures`);
});

test("a run whose agent is killed inside the commit step is UNKNOWN and is not tried again", async () => {
  const client = product.client();
  const path = join(product.dir, "late.txt");
  const run = await client.start("late", { path, text: "perhaps" });
  await killAgentAt(run.id, "save");
  await assert.rejects(run.result(), (error) => {
    assert.ok(error instanceof RunUnknown, String(error));
    return true;
  });
  const { attempts, commitLabel } = (await client.services.runs.getRun({ runId: run.id })).run ?? assert.fail();
  assert.equal(attempts.length, 1);
  assert.equal(commitLabel, 3);
  assert.ok((await client.artifacts(run.id)).length >= 5);
});
