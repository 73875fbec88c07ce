// A socket that closes under a living agent shortens nothing and costs no run: G1, G9.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mousepad, noteWorkflow } from "../support/notes.ts";
import { type Product, startProduct } from "../support/product.ts";
import { startProxy, type TcpProxy } from "../support/tcp-proxy.ts";

let product: Product;
let proxy: TcpProxy;

before(async () => {
  product = await startProduct({
    machines: 1,
    applications: ["mousepad"],
    async agentUrlFor([server]) {
      assert.ok(server !== undefined);
      proxy = await startProxy(server.agentPort);
      return `http://127.0.0.1:${proxy.port}`;
    },
  });
  await product.put(mousepad, noteWorkflow("note", { linger: "2s" }));
});

after(async () => {
  await product?.stop();
  await proxy?.stop();
});

/** The agent dials later after each one: eleven cuts in a row would take a minute. */
const everyNthStep = 2;

test("every socket of the agent is cut again and again in a run, and the run succeeds at its first attempt", async () => {
  const path = join(product.dir, "cut.txt");
  const run = await product.client().start("note", { path, text: "a socket is only a socket" });
  let [steps, cuts] = [0, 0];
  for await (const event of run) {
    if (event.kind === "STEP_STARTED" && steps++ % everyNthStep === 0) cuts += proxy.cutAll();
  }
  await run.result();
  assert.ok(cuts >= 5, `${cuts} sockets were cut`);
  assert.equal(readFileSync(path, "utf8"), "a socket is only a socket");
  const { attempts } = (await product.client().services.runs.getRun({ runId: run.id })).run ?? assert.fail();
  assert.equal(attempts.length, 1);
});
