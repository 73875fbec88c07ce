// kill -9 of the control plane and of its database in mid-run, on a real desktop: G1, G5, G8.

import { join } from "node:path";
import { after, before, test } from "node:test";
import { mousepad, noteWorkflow } from "../support/notes.ts";
import { killProcess, type Product, postgresPid, startProduct, until } from "../support/product.ts";
import { assertGapless, assertSucceededOnce, watch } from "../support/watched-run.ts";

let product: Product;

before(async () => {
  product = await startProduct({ machines: 1, applications: ["mousepad"], embeddedPostgres: true });
  await product.put(mousepad, noteWorkflow("note", { linger: "3s" }));
});

after(() => product?.stop());

test("a run goes on where it was when its server is killed and comes back; the watcher sees every event once", async () => {
  const path = join(product.dir, "server-killed.txt");
  const run = await product.client().start("note", { path, text: "typed once" });
  const watching = watch(run, "linger");
  await watching.reached;
  await product.server.kill();
  await product.server.start();
  await watching.over;
  assertGapless(watching.events);
  await assertSucceededOnce(product, run, path, "typed once");
});

test("service resumes by itself when the embedded database is killed in mid-run", async () => {
  const path = join(product.dir, "postgres-killed.txt");
  const run = await product.client().start("note", { path, text: "typed once" });
  const watching = watch(run, "linger");
  await watching.reached;
  killProcess(await postgresPid(product.server));
  await watching.over;
  assertGapless(watching.events);
  await assertSucceededOnce(product, run, path, "typed once");
});

test("a run that is started is kept when the server is killed at once", async () => {
  const path = join(product.dir, "kept.txt");
  const run = await product.client().start("note", { path, text: "kept" });
  await product.server.kill();
  await product.server.start();
  await until("the run is done", async () => (await product.client().run(run.id).refresh()).state === 4, 60_000);
  await assertSucceededOnce(product, run, path, "kept");
});
