// An application that stands still in the middle of a run, through the whole product (G13): the run says FROZEN when its step's
// time is over, and the next run on that machine begins only after the application was ended.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { RunEvent } from "../../sdk/index.ts";
import { Onlooker } from "../support/onlooker.ts";
import { type Product, startProduct, until } from "../support/product.ts";

const application = `
application: mousepad
launch: { command: [mousepad, --disable-server] }
ready:
  - window: { title: "*Mousepad", process: mousepad }
`;
const STEP_MS = 2000;
/** What an agent may take to find out why, the way there and back, and a loaded machine. */
const SLACK_MS = 2500;
const workflow = (name: string, last: string) => `
workflow: ${name}
application: mousepad
readonly: true
retry: { attempts: 1, on: [MACHINE_LOST] }
steps:
  - type: "x"
  - ${last}
`;

let product: Product;
let onlooker: Onlooker;

before(async () => {
  product = await startProduct({ machines: 1, applications: ["mousepad"] });
  onlooker = new Onlooker(product.machine("vm-1").session);
  await product.put(
    application,
    workflow("waits", `wait: { window: "Never shown", for: ${STEP_MS / 1000}s }`),
    workflow("types", `{ type: "y", timeout: ${STEP_MS / 1000}s }`),
    workflow("works", `type: "z"`),
  );
});

after(async () => {
  await onlooker?.stop();
  await product?.stop();
});

const isThere = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

const editorPid = () =>
  until(
    "the editor is shown",
    async () => (await onlooker.windows()).find(({ title }) => title.endsWith("Mousepad"))?.pid,
  );

/** Runs a workflow to its end; `onEvent` is told of each event as it comes. */
async function run(name: string, onEvent: (event: RunEvent) => void | Promise<void>) {
  const handle = await product.client().start(name);
  for await (const event of handle) await onEvent(event);
  const { attempts, outcome } = await handle.refresh();
  return { outcome, category: attempts[0]?.failure?.category };
}

for (const name of ["waits", "types"]) {
  test(`an editor that stands still before a step that ${name} is FROZEN in the step's time, and ended before the next run`, async () => {
    let pid = 0;
    let stoppedAt = 0;
    const frozen = await run(name, async (event) => {
      if (event.kind !== "STEP_DONE") return;
      pid = await editorPid();
      process.kill(pid, "SIGSTOP");
      stoppedAt = performance.now();
    });
    const foundMs = performance.now() - stoppedAt;
    assert.equal(frozen.category, "FROZEN", JSON.stringify(frozen));
    assert.ok(foundMs < STEP_MS + SLACK_MS, `${foundMs} ms`);
    console.log(
      `recovery: a frozen application is found ${Math.round(foundMs)} ms after a step of ${STEP_MS} ms began`,
    );
    const stepped: boolean[] = [];
    const next = await run("works", (event) => {
      if (event.kind === "STEP_STARTED") stepped.push(isThere(pid));
    });
    console.log(
      `recovery: the next run ended ${Math.round(performance.now() - stoppedAt)} ms after the application froze`,
    );
    assert.equal(next.category, undefined);
    assert.deepEqual(stepped, [false, false], "the frozen process was gone before the first step");
    await onlooker.kill(
      (await onlooker.windows()).find(({ title }) => title.endsWith("Mousepad")) ?? assert.fail("an editor is shown"),
    );
  });
}
