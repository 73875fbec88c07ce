// Who is given which machines of which pool, where not every machine is of use to everybody, on a real Postgres.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placeAll } from "../../../server/engine/placing.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { begin, clear, inventory, put, startRig, TestMachine, told, workflowSource } from "./rig.ts";

const rig = await startRig();
for (const site of ["north", "south"]) {
  await put(
    rig,
    workflowSource.replace("notes.save", site).replace("timeout:", `requires: { labels: { site: ${site} } }\ntimeout:`),
  );
}

async function machineAt(site: string): Promise<TestMachine> {
  const machine = await TestMachine.enrol(rig);
  machine.inventory = { ...inventory, labels: { site } };
  await machine.attach();
  return machine;
}

/** The machine does what it has, and gets the next. */
async function next(machine: TestMachine): Promise<void> {
  while ((await machine.wish()).wanted.lease !== undefined) await machine.report();
  await placeAll(rig.context);
}

test("a burst delays nobody behind it for longer because a third caller is served more often, on other machines", async () => {
  const [north, south] = [await machineAt("north"), await machineAt("south")];
  for (let n = 0; n < 8; n++) await begin(rig, { workflow: "north", caller: "ann" });
  for (let n = 0; n < 20; n++) await begin(rig, { workflow: "south", caller: "cyd" });
  await placeAll(rig.context);
  const single: RunId = await begin(rig, { workflow: "north", caller: "bob" });
  const placements: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    for (let n = 0; n < 3; n++) await next(south);
    await next(north);
    placements.push(await told(rig, single));
  }
  assert.ok(placements.slice(0, 2).includes("running"), `it is ${placements.join(", ")}`);
});

test("a run is given a machine of its own pool only, though others would do", async () => {
  await clear(rig);
  await put(
    rig,
    workflowSource.replace("notes.save", "elsewhere").replace("timeout:", "requires: { pool: elsewhere }\ntimeout:"),
  );
  await TestMachine.idle(rig);
  const run = await begin(rig, { workflow: "elsewhere" });
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "queued");
  const own = await TestMachine.idle(rig, "elsewhere");
  await placeAll(rig.context);
  assert.equal(await told(rig, run), "running");
  assert.equal(await own.status(), "busy");
});
