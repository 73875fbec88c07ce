// docs/states.md is true about the code: each of its diagrams has the arrows that the rules have, and no other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptPhases } from "../../server/rules/attempt.ts";
import { advanceCordon, cordonStates } from "../../server/rules/cordon.ts";
import { advanceLease, leaseStates } from "../../server/rules/lease.ts";
import { machineStatuses } from "../../server/rules/machine.ts";
import { advanceMachine } from "../../server/rules/machine-life.ts";
import { runStates } from "../../server/rules/run.ts";
import { Edges, exploreRuns, exploreUpkeep } from "../server/rules/exploration.ts";
import { now } from "../server/rules/fakes.ts";
import {
  cordonHappenings,
  cordons,
  leaseHappenings,
  leases,
  machineHappenings,
  machines,
  overdueLeases,
} from "../server/rules/machine-situations.ts";
import { read } from "./sources.ts";

const page = read("docs/states.md");

/** The section's diagram, a line each, and the states that are explained below it. */
function sectionOf(heading: string) {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const diagram = section.split("```mermaid\nstateDiagram-v2\n")[1]?.split("```")[0] ?? "";
  const lines = diagram
    .trim()
    .split("\n")
    .map((line) => line.trim());
  const explained = [...section.matchAll(/^- `(\w+)`: /gm)].map(([, name = ""]) => name);
  return {
    begins: lines.filter((line) => line.startsWith("[*]")).map((line) => line.replace("[*] --> ", "")),
    arrows: lines.filter((line) => !line.startsWith("[*]")).sort(),
    explained,
  };
}

const explored = exploreRuns();

test("the diagram of a run has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Run");
  assert.deepEqual(arrows, explored.runs.lines);
  assert.deepEqual(begins, ["queued"]);
  assert.deepEqual(explained, runStates);
});

test("the diagram of an attempt has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Attempt");
  assert.deepEqual(arrows, explored.attempts.lines);
  assert.deepEqual(begins, ["proving"]);
  assert.deepEqual(explained, attemptPhases);
});

test("the diagram of a cleanup has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Cleaning up a machine");
  const { begun, edges } = exploreUpkeep();
  assert.deepEqual(arrows, edges.lines);
  assert.deepEqual(begins, begun);
  assert.deepEqual(new Set(explained), new Set(edges.lines.flatMap((line) => line.split(/ --> |:/).slice(0, 2))));
});

test("the diagram of a machine has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Machine");
  // A machine that is idle or offline has no lease, and one that is busy has one.
  const held = [leases.attempt, leases.service, leases.fencing, ...Object.values(overdueLeases)];
  const possible = { idle: [undefined], busy: held, reattaching: [undefined, ...held], offline: [undefined] };
  const edges = new Edges();
  for (const status of machineStatuses) {
    for (const lease of possible[status]) {
      for (const happening of Object.values(machineHappenings)) {
        // Who has no lease is no holder, and a second lease is a bug.
        const holder = happening.is === "attached" ? (happening.holder === "none") === (lease === undefined) : true;
        if (!holder || (happening.is === "lease-granted" && status !== "idle")) continue;
        const change = advanceMachine({ state: machines[status], lease }, happening, now);
        if (change !== undefined) edges.add(status, change.state.is, happening.is);
      }
    }
  }
  assert.deepEqual(arrows, edges.lines);
  assert.deepEqual(begins, ["offline"]);
  assert.deepEqual(explained, machineStatuses);
});

test("the diagram of a cordon has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Cordon");
  const edges = new Edges();
  for (const state of cordonStates) {
    for (const wish of Object.values(cordonHappenings)) {
      edges.add(state, advanceCordon(cordons[state], wish, now).is, wish.is);
    }
  }
  assert.deepEqual(arrows, edges.lines);
  assert.deepEqual(begins, ["open"]);
  assert.deepEqual(explained, cordonStates);
});

test("the diagram of a lease has the arrows of the code", () => {
  const { begins, arrows, explained } = sectionOf("Lease");
  const edges = new Edges();
  for (const lease of [leases.attempt, leases.service, leases.fencing, ...Object.values(overdueLeases)]) {
    for (const happening of Object.values(leaseHappenings)) {
      edges.add(lease.state, advanceLease(lease, happening, now), happening.is);
    }
  }
  assert.deepEqual(arrows, edges.lines);
  assert.deepEqual(begins, ["live"]);
  assert.deepEqual(explained, leaseStates);
});
