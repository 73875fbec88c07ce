// What agents say of their machines, against what workflows require, on a real Postgres.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { learn } from "../../../server/engine/attaching.ts";
import { startLoop } from "../../../server/engine/loop.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { Inventory } from "../../../server/rules/machine.ts";
import { topics } from "../../../server/store/wakeup.ts";
import { until } from "../../agent/desktop/until.ts";
import { begin, clear, inventory, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
const { sql } = rig.database;

beforeEach(() => clear(rig));

const offering = (version: string, labels: Record<string, string> = {}): Inventory => ({
  ...inventory,
  applications: [{ name: "notes", version }],
  labels,
});

async function machineOf(version: string, labels?: Record<string, string>): Promise<TestMachine> {
  const machine = await TestMachine.enrol(rig);
  machine.inventory = offering(version, labels);
  assert.equal((await machine.attach()).is, "admitted");
  return machine;
}

let workflows = 0;

/** A waiting run of a workflow of its own, which requires this. */
async function beginRequiring(requires: string) {
  const workflow = `notes.required-${++workflows}`;
  await put(rig, workflowSource.replace("notes.save", workflow).replace("timeout:", `requires: ${requires}\ntimeout:`));
  return await begin(rig, { workflow });
}

test("of several machines a run gets the one that offers the version and the labels that it requires", async () => {
  const run = await beginRequiring('{ version: "~4.2", labels: { site: north, printer: { exists: true } } }');
  const wrong = [
    await machineOf("4.3", { site: "north", printer: "hp" }),
    await machineOf("4.2.1", { site: "south", printer: "hp" }),
    await machineOf("4.2.1", { site: "north" }),
    await machineOf("", { site: "north", printer: "hp" }),
  ];
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "queued");
  const right = await machineOf("4.2.1", { site: "north", printer: "" });
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "running");
  assert.equal(await right.status(), "busy");
  for (const machine of wrong) assert.equal(await machine.status(), "idle");
});

test("runs that no machine fits hold up none of the same workflow's next version, whatever their priority (G7)", async () => {
  const stuck = await beginRequiring("{ version: 9 }");
  const workflow = `notes.required-${workflows}`;
  await sql`update runs set priority = 50 where id = ${stuck}`;
  await put(rig, workflowSource.replace("notes.save", workflow));
  const run = await begin(rig, { workflow });
  await machineOf("4");
  await placeAll(rig.context);
  assert.deepEqual([await told(rig, stuck), await told(rig, run)], ["queued", "running"]);
});

test("machines that offer the same share one offer, in whatever order they say it", async () => {
  const one = await machineOf("1", { a: "1", b: "2" });
  const two = await machineOf("1", { b: "2", a: "1" });
  const other = await machineOf("1", { a: "1" });
  const offerOf = async ({ id }: TestMachine) =>
    (await sql`select offer_id from machines where id = ${id}`)[0]?.["offerId"];
  assert.equal(await offerOf(one), await offerOf(two));
  assert.notEqual(await offerOf(one), await offerOf(other));
});

test("a machine that says more while it is attached gets what waits for it at once, long before any timer", async () => {
  const machine = await machineOf("4.1");
  const run = await beginRequiring("{ version: 4.2 }");
  let passes = 0;
  const placing = startLoop("placing", 3_600_000, rig.context, async () => {
    await placeAll(rig.context);
    passes++;
  });
  const unsubscribe = rig.wakeup.subscribe(topics.placing, placing.wake);
  try {
    await until("a pass has found nothing", () => passes > 0);
    assert.equal(await told(rig, run), "queued");
    const { executable, ...known } = offering("4.2");
    // What an older session says late changes nothing.
    await learn(rig.context, machine.id, crypto.randomUUID(), { ...known, executable });
    await placeAll(rig.context);
    assert.equal(await told(rig, run), "queued");
    await learn(rig.context, machine.id, machine.sessionId, { ...known, executable });
    await until("the run has begun", async () => (await told(rig, run)) === "running");
  } finally {
    unsubscribe();
    await placing.stop();
  }
});
