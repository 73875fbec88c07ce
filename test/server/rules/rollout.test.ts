// The rollout's decisions: every stage with every happening, and what holds in any fleet.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MachineId } from "../../../server/rules/names.ts";
import { agentFaults, rolloutFaults } from "../../../server/rules/release.ts";
import {
  advanceRollout,
  atOnce,
  countRing,
  type FleetMachine,
  isRetrying,
  isWantedOn,
  type Rollout,
  type RolloutStage,
  resumeRollout,
  rolloutLimits,
  standing,
  stopRollout,
} from "../../../server/rules/rollout.ts";

const now = 10_000_000;
const { returnMs, atOnce: atOnceMax, grantsMax, startsMax } = rolloutLimits;

const rolloutOf = (changes: Partial<Rollout> = {}): Rollout => ({
  version: "2",
  stage: { is: "running_canary" },
  canaryCount: 1,
  soakMs: 1_000,
  executables: ["linux-x64"],
  ...changes,
});

const machineOf = (id: string, changes: Partial<FleetMachine> = {}): FleetMachine => ({
  id: id as MachineId,
  executable: "linux-x64",
  agentVersion: "1",
  status: "idle",
  statusSince: now,
  incarnationSince: now - 5_000,
  report: undefined,
  canary: false,
  grantedAt: undefined,
  grants: 0,
  starts: 0,
  accepted: false,
  ...changes,
});

const prepared = { report: { version: "2", is: "prepared" } } as const;
const updated = { agentVersion: "2" };
const away = { status: "offline" } as const;
const failed = { report: { version: "2", is: "failed", fault: "SIGNATURE" } } as const;

test("a machine stands where its agent's words, its grant and its absence put it", () => {
  const rows: [string, Partial<FleetMachine>, string][] = [
    ["nothing said", {}, "waiting"],
    ["prepared", prepared, "prepared"],
    ["prepared for another version", { report: { version: "1.5", is: "prepared" } }, "waiting"],
    ["granted", { ...prepared, grantedAt: now - returnMs + 1, grants: 1 }, "restarting"],
    ["granted, and away meanwhile", { ...away, grantedAt: now - 1, grants: 1 }, "restarting"],
    ["granted, and nobody came back", { ...away, grantedAt: now - returnMs, grants: 1 }, "failed NOT_BACK"],
    ["granted, and the agent did not go", { ...prepared, grantedAt: now - returnMs, grants: 1 }, "failed NOT_BACK"],
    ["came back as it was", { ...prepared, grants: 1 }, "prepared"],
    ["came back as it was too often", { ...prepared, grants: grantsMax }, "failed NOT_TAKEN"],
    ["away", away, "away"],
    ["silent", { status: "reattaching" }, "away"],
    ["updated", updated, "updated"],
    ["updated, its report is old news", { ...updated, ...failed }, "updated"],
    ["updated and away", { ...updated, ...away, statusSince: now - returnMs }, "updated"],
    ["a canary that was just lost", { ...updated, ...away, canary: true, statusSince: now - returnMs + 1 }, "updated"],
    ["a lost canary", { ...updated, ...away, canary: true, statusSince: now - returnMs }, "failed VANISHED"],
    ["a canary that was started twice", { ...updated, canary: true, starts: startsMax }, "updated"],
    ["a canary that crashes", { ...updated, canary: true, starts: startsMax + 1 }, "failed CRASHING"],
    ["one of the rest, started often", { ...updated, starts: startsMax + 1 }, "updated"],
    ["no executable", { executable: "" }, "left-out"],
    ["an executable without a release", { executable: "win32-x64", ...updated }, "left-out"],
    ["no download yet", { report: { version: "2", is: "failed", fault: "DOWNLOAD" } }, "waiting"],
    ...agentFaults
      .filter((fault) => fault !== "DOWNLOAD")
      .map((fault): [string, Partial<FleetMachine>, string] => [
        fault,
        { report: { version: "2", is: "failed", fault } },
        `failed ${fault}`,
      ]),
  ];
  for (const [what, changes, expected] of rows) {
    const stands = standing(rolloutOf(), machineOf("a", changes), now);
    assert.equal(stands.is === "failed" ? `failed ${stands.fault}` : stands.is, expected, what);
  }
  const told = rows.flatMap(([, , expected]) => (expected.startsWith("failed ") ? [expected.slice(7)] : []));
  assert.deepEqual([...new Set(told)].sort(), [...rolloutFaults].sort());
});

const stages: Record<string, RolloutStage> = {
  canary: { is: "running_canary" },
  rest: { is: "running_rest" },
  done: { is: "done" },
  stopped: { is: "stopped", from: "running_rest", reason: "FAILURES" },
};

const canary = { canary: true };
/** What happened -> the stage that each stage goes to, in the order of `stages`. */
const table: [string, FleetMachine[], [string, string, string, string]][] = [
  ["nobody is there", [], ["stopped", "running_rest", "done", "stopped"]],
  ["all are away", [machineOf("a", away)], ["running_canary", "running_rest", "done", "stopped"]],
  [
    "there is no release for those who are there",
    [machineOf("a", { executable: "win32-x64" })],
    ["stopped", "done", "done", "stopped"],
  ],
  [
    "all have failed, and were accepted",
    [machineOf("a", { ...failed, accepted: true })],
    ["stopped", "running_rest", "done", "stopped"],
  ],
  [
    "the only one crashes, and was accepted",
    [machineOf("a", { ...updated, accepted: true })],
    ["stopped", "running_rest", "done", "stopped"],
  ],
  ["one is behind", [machineOf("a", canary)], ["running_canary", "running_rest", "done", "stopped"]],
  [
    "one is prepared",
    [machineOf("a", { ...canary, ...prepared })],
    ["running_canary", "running_rest", "done", "stopped"],
  ],
  [
    "a canary is updated, and soaking",
    [machineOf("a", { ...canary, ...updated, incarnationSince: now - 999 }), machineOf("b")],
    ["running_canary", "running_rest", "done", "stopped"],
  ],
  [
    "a canary has soaked",
    [machineOf("a", { ...canary, ...updated, incarnationSince: now - 1_000 }), machineOf("b")],
    ["running_rest", "running_rest", "done", "stopped"],
  ],
  [
    "a canary has soaked, and is away just now",
    [machineOf("a", { ...canary, ...updated, status: "reattaching" }), machineOf("b")],
    ["running_canary", "running_rest", "done", "stopped"],
  ],
  ["all had it before", [machineOf("a", updated)], ["running_rest", "done", "done", "stopped"]],
  [
    "all have it but one that is away",
    [machineOf("a", { ...canary, ...updated }), machineOf("b", away)],
    ["running_rest", "done", "done", "stopped"],
  ],
  [
    "a canary failed",
    [machineOf("a", { ...canary, ...failed }), machineOf("b")],
    ["stopped", "stopped", "stopped", "stopped"],
  ],
  [
    "a failure was accepted",
    [machineOf("a", { ...failed, accepted: true }), machineOf("b", updated)],
    ["running_rest", "done", "done", "stopped"],
  ],
];

for (const [what, fleet, expected] of table) {
  test(`when ${what}, each stage goes where it should`, () => {
    const reached = Object.values(stages).map((stage) => advanceRollout(rolloutOf({ stage }), fleet, now).stage.is);
    assert.deepEqual(reached, expected);
  });
}

test("why a canary stopped the rollout is told after the stop as well", () => {
  const stage = { is: "stopped", from: "running_canary", reason: "FAILURES" } as const;
  for (const changes of [{ starts: startsMax + 1 }, { ...away, statusSince: now - returnMs }]) {
    const machine = machineOf("a", { ...canary, ...updated, ...changes });
    assert.equal(standing(rolloutOf({ stage }), machine, now).is, "failed");
  }
});

test("an operator stops any stage, and resumes where it was", () => {
  for (const stage of Object.values(stages)) {
    const stopped = stopRollout(stage);
    assert.equal(stopped.is, "stopped");
    assert.equal(stopRollout(stopped), stopped);
    assert.deepEqual(resumeRollout(stopped), { is: stage.is === "stopped" ? "running_rest" : stage.is });
  }
  assert.equal(resumeRollout(stages["rest"] as RolloutStage), stages["rest"]);
});

test("one failure in fifty of the rest is borne, two are not; of the canaries none is", () => {
  const fleet = (bad: number) =>
    Array.from({ length: 50 }, (_, i) => machineOf(`m${i}`, i < bad ? failed : { ...updated, canary: i === 49 }));
  const reached = (is: "running_canary" | "running_rest", bad: number) =>
    advanceRollout(rolloutOf({ stage: { is } }), fleet(bad), now).stage.is;
  assert.equal(reached("running_rest", 1), "done");
  assert.equal(reached("running_rest", 2), "stopped");
  assert.equal(reached("running_canary", 1), "stopped");
});

test("the canaries are one of each executable at least, the same each time, and others for another version", () => {
  const fleet = Array.from({ length: 40 }, (_, i) =>
    machineOf(`m${i}`, { executable: i < 3 ? "win32-x64" : "linux-x64" }),
  );
  const executables = ["linux-x64", "win32-x64"] as const;
  const chosen = (version: string, canaryCount: number | undefined) =>
    advanceRollout(rolloutOf({ version, canaryCount, executables }), fleet, now).canaries;
  const two = chosen("2", undefined);
  assert.equal(two.length, 2);
  assert.equal(two.filter((id) => fleet.find((m) => m.id === id)?.executable === "win32-x64").length, 1);
  assert.deepEqual(chosen("2", undefined), two);
  assert.equal(chosen("2", 1).length, 2);
  assert.equal(chosen("2", 9).length, 9);
  assert.notDeepEqual(chosen("3", 9), chosen("2", 9));
});

test("a canary that is away is replaced if it was never touched, and waited for if it was", () => {
  const others = [machineOf("b"), machineOf("c")];
  const canariesOf = (changes: Partial<FleetMachine>) =>
    advanceRollout(rolloutOf(), [machineOf("a", { ...canary, ...away, ...changes }), ...others], now).canaries;
  assert.equal(canariesOf({}).includes("a" as MachineId), false);
  assert.equal(canariesOf({}).length, 1);
  assert.deepEqual(canariesOf({ status: "reattaching" }), ["a"], "it is most often back in a moment");
  assert.deepEqual(canariesOf({ grantedAt: now - 1, grants: 1 }), ["a"]);
  assert.deepEqual(canariesOf({ agentVersion: "2", statusSince: now - 1 }), ["a"]);
});

test("who is at work is kept free when its turn comes, and told to restart when it rests", () => {
  const stage = { is: "running_rest" } as const;
  const fleet = [
    ...Array.from({ length: atOnceMax - 2 }, (_, i) => machineOf(`r${i}`, { grantedAt: now, grants: 1 })),
    machineOf("busy", { ...prepared, status: "busy" }),
    machineOf("idle", prepared),
    machineOf("later", { ...prepared, status: "busy" }),
    ...Array.from({ length: 20 }, (_, i) => machineOf(`u${i}`, updated)),
  ];
  const step = advanceRollout(rolloutOf({ stage }), fleet, now);
  assert.deepEqual(step.grants, ["idle"]);
  assert.equal(step.keepFree.length, 1);
});

test("a machine whose download of the version did not come through is named, and has not failed", () => {
  const retrying = (changes: Partial<FleetMachine>) => isRetrying(rolloutOf(), machineOf("a", changes), now);
  const failure = (version: string) => ({ report: { version, is: "failed", fault: "DOWNLOAD" } }) as const;
  assert.equal(retrying(failure("2")), true);
  assert.equal(retrying(failure("1.5")), false);
  assert.equal(retrying({ ...failure("2"), ...away }), false);
  assert.equal(retrying(prepared), false);
  assert.equal(retrying(failed), false);
});

test("of a small fleet at most a quarter restarts at a time, one in any case, and of no fleet more than five", () => {
  const granted = (size: number) => {
    const fleet = Array.from({ length: size }, (_, i) => machineOf(`m${i}`, prepared));
    return advanceRollout(rolloutOf({ stage: { is: "running_rest" } }), fleet, now).grants.length;
  };
  assert.deepEqual([1, 3, 8, 19, 20, 100].map(granted), [1, 1, 2, 4, 5, atOnceMax]);
});

test("the counts of a ring add up to its machines", () => {
  const fleet = [{}, prepared, updated, away, failed, { grantedAt: now }].map((c, i) => machineOf(`m${i}`, c));
  assert.deepEqual(countRing(rolloutOf(), [...fleet, machineOf("x", { executable: "" })], now), {
    waiting: 1,
    prepared: 1,
    restarting: 1,
    updated: 1,
    failed: 1,
    away: 1,
  });
});

const anyMachine = (id: number) =>
  fc.record({
    id: fc.constant(`m${id}` as MachineId),
    executable: fc.constantFrom("linux-x64", "win32-x64", ""),
    agentVersion: fc.constantFrom("1", "2"),
    status: fc.constantFrom("idle" as const, "busy" as const, "reattaching" as const, "offline" as const),
    statusSince: fc.integer({ min: now - 1.05 * returnMs, max: now }),
    incarnationSince: fc.integer({ min: now - 3_000, max: now }),
    report: fc.oneof(
      { arbitrary: fc.constant(prepared.report), weight: 40 },
      { arbitrary: fc.constant(undefined), weight: 10 },
      { arbitrary: fc.constant(failed.report), weight: 1 },
    ),
    canary: fc.boolean(),
    grantedAt: fc.option(fc.integer({ min: now - 1.01 * returnMs, max: now }), { nil: undefined, freq: 1 }),
    grants: fc.integer({ min: 0, max: 2 }),
    starts: fc.integer({ min: 0, max: 2 }),
    accepted: fc.boolean(),
  });
const anyFleet = fc
  .integer({ min: 0, max: 24 })
  .chain((size) => fc.tuple(...Array.from({ length: size }, (_, i) => anyMachine(i))));
const anyRollout = fc
  .constantFrom(...Object.values(stages))
  .map((stage) => rolloutOf({ stage, canaryCount: 3, executables: ["linux-x64", "win32-x64"] }));

test("in any fleet: never too many between two releases, nobody but canaries before the soak, nothing once stopped", () => {
  let granting = 0;
  fc.assert(
    fc.property(anyRollout, anyFleet, (rollout, fleet) => {
      const step = advanceRollout(rollout, fleet, now);
      if (step.grants.length > 0) granting++;
      const restarting = fleet.filter((m) => standing(rollout, m, now).is === "restarting" && !m.accepted).length;
      const there = fleet.filter(
        (m) => m.status === "idle" || m.status === "busy" || standing(rollout, m, now).is === "restarting",
      ).length;
      assert.ok(step.grants.length === 0 || restarting + step.grants.length + step.keepFree.length <= atOnce(there));
      for (const id of [...step.grants, ...step.keepFree]) {
        const machine = fleet.find((m) => m.id === id);
        assert.ok(machine !== undefined && !machine.accepted && machine.agentVersion !== rollout.version);
        assert.equal(machine.status, step.grants.includes(id) ? "idle" : "busy");
        assert.ok(rollout.stage.is !== "running_canary" || step.canaries.includes(id));
      }
      if (step.stage.is === "stopped") assert.deepEqual([step.grants, step.keepFree], [[], []]);
      for (const machine of fleet) {
        const wanted = isWantedOn(rollout, machine);
        if (rollout.stage.is === "stopped") assert.equal(wanted, false);
        if (rollout.stage.is === "running_canary" && !machine.canary) assert.equal(wanted, false);
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(granting > 50, "fleets in which somebody is told to restart were among them");
});
