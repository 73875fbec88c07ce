// A person who moves the pointer of a real desktop makes a run hold (G14), through the whole product: until an operator says go on,
// or nobody has moved it for a while. What was typed is judged by the file.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunEvent } from "../../sdk/index.ts";
import { Onlooker } from "../support/onlooker.ts";
import { type Product, startProduct, until } from "../support/product.ts";

const personQuietSeconds = 3;
const text = "the quick brown fox jumps over the lazy dog ".repeat(80).trim();

const application = "application: mousepad\nprocesses: [mousepad]\nready: [{ process: mousepad }]\n";
const workflow = `
workflow: dictate
application: mousepad
readonly: true
timeout: 3m
steps:
  - { type: "${text}", in: "*Mousepad", timeout: 2m }
  - { press: ctrl+s, in: "*Mousepad" }
`;

let product: Product;
let onlooker: Onlooker;

before(async () => {
  product = await startProduct({ machines: 1, applications: ["mousepad"], personQuietSeconds });
  onlooker = new Onlooker(product.machine("vm-1").session);
  await product.put(application, workflow);
});

after(async () => {
  await onlooker?.stop();
  await product?.stop();
});

test("a pointer that another program moves makes a run hold, and it goes on at an operator's word, or when all is quiet", async () => {
  const client = product.client();
  const file = join(product.dir, "person.txt");
  writeFileSync(file, "");
  await onlooker.show("mousepad", "--disable-server", file);
  const run = await client.start("dictate");
  const events: RunEvent[] = [];
  const reading = (async () => {
    for await (const event of run) events.push(event);
  })();
  // A test that fails leaves the run as it is, and its client closes.
  reading.catch(() => {});
  const holds = () => events.filter(({ kind }) => kind === "HOLDING" || kind === "RESUMED").length;
  const moved = async (holdsThen: number) => {
    await until("it holds", async () => {
      // By XTest; its `mousemove` only puts the pointer elsewhere, as no mouse can.
      await onlooker.ask("xdotool", "mousemove_relative", "1", "1");
      return holds() === holdsThen;
    });
    return performance.now();
  };
  await until("it types", async () => (await onlooker.titles()).some((title) => title.startsWith("*")));
  const first = await moved(1);
  await client.resume({ machine: "vm-1" });
  await until("it goes on", () => holds() === 2);
  assert.ok(performance.now() - first < personQuietSeconds * 1_000, "nobody was waited for");
  const second = await moved(3);
  await until("it goes on", () => holds() === 4);
  assert.ok(performance.now() - second > personQuietSeconds * 900, "it waited for the person");
  await reading;
  const reasons = events.flatMap((event) => (event.kind === "HOLDING" ? [event.reason] : []));
  assert.deepEqual(reasons, ["HUMAN_PRESENT", "HUMAN_PRESENT"]);
  await until("the file has it all", () => readFileSync(file, "utf8").trim() === text);
});
