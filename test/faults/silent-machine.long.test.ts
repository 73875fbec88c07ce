// How long a machine that falls silent keeps its run, at the clocks that everybody lives by: G1, G6.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nameOf, Outcome } from "../../sdk/index.ts";
import { leaseClocks } from "../../server/rules/limits.ts";
import { until } from "../support/product.ts";
import { Fleet, followAll } from "./fleet.ts";
import { note, noteWorkflow, stretchesOf } from "./journal.ts";
import { tellRecovery } from "./recovery.ts";

const machines = 12;
const longestMs = 15_000;
/** The last beat may be as old as this when the machine falls silent. */
const shortestMs = leaseClocks.takeoverMs - leaseClocks.beatMs - 500;

/** One call may have been past its check. */
const inputsAfterWakingMax = 1;

let fleet: Fleet;

before(async () => {
  fleet = await Fleet.start({ replicas: 1, machines, inputMs: 20 });
  const committing = noteWorkflow
    .replace("workflow: note", "workflow: committing")
    .replace("{ window: Save As, absent: true }", '{ window: "no such window", for: 60s }');
  await fleet.product.put(committing.replace(/timeout: 4m/, "timeout: 3m"));
});

after(() => fleet?.stop());

test("the run of a silent machine is done elsewhere, and the machine types on no more when it wakes", async (t) => {
  const paused = machines / 2;
  const notes = Array.from({ length: paused }, (_, i) => note(i, 600));
  const started = await fleet.startRuns(notes);
  const over = followAll(started);
  await fleet.typing(paused, 1);
  const silentAt = new Map<number, number>();
  for (const machine of fleet.machines.filter((m) => m.journal().length > 0)) {
    // At another point of its text each, and so at another one between two beats.
    await until("it types", () => machine.journal().length > 20 + 17 * silentAt.size);
    machine.pause();
    const [stretch] = stretchesOf(machine.name, machine.journal(), notes);
    silentAt.set(stretch?.note ?? assert.fail("it typed a note"), Date.now());
  }
  const events = await over;
  const handedOnMs = [...silentAt].map(([i, at]) => {
    const again = events[i]?.find((event) => event.kind === "PLACED" && event.attempt === 2);
    return (again ?? assert.fail("it was handed on")).at.getTime() - at;
  });
  tellRecovery(t, "a machine is silent, its run is placed elsewhere", ...handedOnMs);
  assert.equal(handedOnMs.length, paused);
  assert.ok(Math.max(...handedOnMs) <= longestMs && Math.min(...handedOnMs) >= shortestMs);
  const before = fleet.machines.map((machine) => machine.journal().length);
  for (const machine of fleet.machines) machine.wake();
  await until("every machine is back", () => fleet.allIdle(), 30_000);
  const more = fleet.machines.map((machine, i) => machine.journal().length - (before[i] ?? 0));
  t.diagnostic(`inputs of each machine after it woke: ${more.join(" ")}`);
  assert.ok(Math.max(...more) <= inputsAfterWakingMax, "no machine typed on after it woke");
});

test("a run whose machine falls silent inside its commit step ends UNKNOWN in the same time", async (t) => {
  const before = new Map([...fleet.journals()].map(([machine, journal]) => [machine, journal.length]));
  const notes = Array.from({ length: machines }, (_, i) => note(100 + i, 30));
  const started = await fleet.startRuns(notes, "committing");
  const saved = () =>
    fleet.machines.filter((machine) => machine.journal().slice(before.get(machine.name)).at(-1)?.is === "save");
  await until("all are inside their commit", () => saved().length === machines, 60_000);
  const silentAt = Date.now();
  for (const machine of fleet.machines) machine.pause();
  const events = await followAll(started);
  const endedMs = events.map((all) => (all.at(-1)?.at.getTime() ?? Number.NaN) - silentAt);
  for (const machine of fleet.machines) machine.wake();
  tellRecovery(t, "a machine is silent inside a commit, its run has ended", ...endedMs);
  const ended = await Promise.all(started.map((run) => run.refresh()));
  assert.deepEqual(
    ended.map(({ outcome }) => nameOf(Outcome, outcome)).filter((outcome) => outcome !== "UNKNOWN"),
    [],
  );
  assert.ok(ended.every(({ attempts }) => attempts.length === 1));
  assert.ok(Math.max(...endedMs) <= longestMs && Math.min(...endedMs) >= shortestMs);
});
