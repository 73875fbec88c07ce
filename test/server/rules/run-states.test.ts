// Every state of a run times everything that can happen to it. What its attempt's phase makes of that is in
// attempt-states.test.ts; here the attempt is at a commit step, or looks whether one took hold.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt, Ending } from "../../../server/rules/attempt.ts";
import type { AttemptId } from "../../../server/rules/names.ts";
import { outcomes, type ResolveAs, type Run, type RunState, resolveAs, runStates } from "../../../server/rules/run.ts";
import { beginRun } from "../../../server/rules/run-beginning.ts";
import { attemptOf, command, type FakeWorkflow, machineId, now, runOf } from "./fakes.ts";
import { all, happenings, type Name, outstanding, table, told } from "./happenings.ts";

type State = RunState["is"];

const work: FakeWorkflow = { steps: [command("save", "commit")], verify: "any" };
const failed: Ending = { is: "failed", failure: { category: "MACHINE_LOST", message: "" } };
const unsettled = {
  unsettled: { attemptId: "a0" as AttemptId, machineId, ending: failed, commitsBegun: 1, on: "any", tries: 0 },
} as const;
const later = now + 60_000;

const runs: Record<State, Run> = {
  queued: runOf("queued", { state: { is: "queued", deadlineAt: later } }),
  running: runOf("running"),
  cancelling: runOf("cancelling"),
  unsettled: runOf("unsettled", { ...unsettled, state: { is: "unsettled", deadlineAt: later } }),
  verifying: runOf("verifying", { ...unsettled, attemptsUsed: 1 }),
  ended: runOf("ended", {
    ...unsettled,
    state: { is: "ended", outcome: "UNKNOWN", label: "UNKNOWN", at: now },
  }),
};

const committing = attemptOf({ outstanding: outstanding("save", "commit"), commitsBegun: 1 });
const attempts: Record<State, Attempt | undefined> = {
  queued: undefined,
  running: committing,
  cancelling: { ...committing, ending: { is: "cancelled" } },
  unsettled: undefined,
  verifying: attemptOf({
    purpose: "verify",
    progress: { section: "verify", index: 0, tries: 0 },
    outstanding: outstanding("look"),
  }),
  ended: undefined,
};

const rows: Record<State, Record<Name, string>> = {
  queued: {
    ...all("nothing"),
    cancel: "CANCELLED - keep: CANCEL_REQUESTED ENDED",
    deadline: "EXPIRED - keep: ENDED",
    moved: "queued - keep: MOVED_TO_FRONT",
  },
  running: {
    ...all("nothing"),
    success: "SUCCEEDED ended AFTER_COMMIT end: STEP_DONE ATTEMPT_ENDED ENDED",
    failure: "FAILED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
    someInput: "unsettled ended UNKNOWN end: STEP_FAILED ATTEMPT_ENDED UNSETTLED",
    cancel: "cancelling stepping BEFORE_COMMIT keep: CANCEL_REQUESTED",
    deadline: "running stepping BEFORE_COMMIT keep: ",
    overdue: "running stepping BEFORE_COMMIT keep: ",
    drained: "running stepping BEFORE_COMMIT keep: ",
    silent: "running stepping BEFORE_COMMIT keep: HOLDING",
    held: "running stepping BEFORE_COMMIT keep: HOLDING",
    back: "running stepping BEFORE_COMMIT keep: RESUMED",
    released: "unsettled ended UNKNOWN fence: ATTEMPT_ENDED UNSETTLED",
    lost: "unsettled ended UNKNOWN end: ATTEMPT_ENDED UNSETTLED",
    restarted: "unsettled ended UNKNOWN end: ATTEMPT_ENDED UNSETTLED",
  },
  cancelling: {
    ...all("nothing"),
    success: "CANCELLED ended AFTER_COMMIT end: STEP_DONE ATTEMPT_ENDED ENDED",
    failure: "CANCELLED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
    someInput: "unsettled ended UNKNOWN end: STEP_FAILED ATTEMPT_ENDED UNSETTLED",
    overdue: "unsettled ended UNKNOWN fence: ATTEMPT_ENDED UNSETTLED",
    silent: "cancelling stepping BEFORE_COMMIT keep: HOLDING",
    held: "cancelling stepping BEFORE_COMMIT keep: HOLDING",
    back: "cancelling stepping BEFORE_COMMIT keep: RESUMED",
    released: "unsettled ended UNKNOWN fence: ATTEMPT_ENDED UNSETTLED",
    lost: "unsettled ended UNKNOWN end: ATTEMPT_ENDED UNSETTLED",
    restarted: "unsettled ended UNKNOWN end: ATTEMPT_ENDED UNSETTLED",
  },
  unsettled: {
    ...all("nothing"),
    cancel: "UNKNOWN - keep: CANCEL_REQUESTED ENDED",
    deadline: "UNKNOWN - keep: ENDED",
    moved: "unsettled - keep: MOVED_TO_FRONT",
  },
  verifying: {
    ...all("nothing"),
    success: "SUCCEEDED ended BEFORE_COMMIT end: STEP_DONE ATTEMPT_ENDED VERIFIED ENDED",
    // It could not find out; what says no is in settling.test.ts.
    failure: "unsettled ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED VERIFIED UNSETTLED",
    someInput: "unsettled ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED VERIFIED UNSETTLED",
    cancel: "verifying stepping BEFORE_COMMIT keep: CANCEL_REQUESTED",
    deadline: "verifying stepping BEFORE_COMMIT keep: ",
    overdue: "verifying stepping BEFORE_COMMIT keep: ",
    drained: "verifying stepping BEFORE_COMMIT keep: ",
    silent: "verifying stepping BEFORE_COMMIT keep: HOLDING",
    held: "verifying stepping BEFORE_COMMIT keep: HOLDING",
    back: "verifying stepping BEFORE_COMMIT keep: RESUMED",
    released: "unsettled ended BEFORE_COMMIT fence: ATTEMPT_ENDED VERIFIED UNSETTLED",
    lost: "unsettled ended BEFORE_COMMIT end: ATTEMPT_ENDED VERIFIED UNSETTLED",
    restarted: "unsettled ended BEFORE_COMMIT end: ATTEMPT_ENDED VERIFIED UNSETTLED",
  },
  ended: { ...all("nothing"), resolved: "queued - keep: RESOLVED REQUEUED" },
};

const begun: Record<State, string> = {
  queued: "running attempt",
  running: "nothing",
  cancelling: "nothing",
  unsettled: "verifying verify",
  verifying: "nothing",
  ended: "nothing",
};

const resolved: Record<ResolveAs, string> = {
  SUCCEEDED: "SUCCEEDED - keep: RESOLVED ENDED",
  FAILED: "FAILED - keep: RESOLVED ENDED",
  RETRY: "queued - keep: RESOLVED REQUEUED",
};

describe("a run", () => {
  for (const state of runStates) {
    table(
      `that is ${state} changes by what its row says, and by nothing else`,
      runs[state],
      attempts[state],
      rows[state],
      work,
    );

    test(`that is ${state} is placed, or not, as its row says, and never after its deadline`, () => {
      const placed = beginRun(runs[state], "a9" as AttemptId, now);
      assert.equal(placed === undefined ? "nothing" : `${placed.run.state.is} ${placed.purpose}`, begun[state]);
      const { state: is } = placed?.run ?? {};
      if (is !== undefined) assert.ok(is.is !== "ended" && "attemptId" in is && is.attemptId === "a9");
      assert.equal(beginRun(runs[state], "a9" as AttemptId, later), undefined);
    });
  }

  test("that is to have an attempt and has none is a bug, whatever happens", () => {
    for (const state of ["running", "cancelling", "verifying"] as const) {
      for (const happening of Object.values(happenings)) {
        assert.throws(() => told(runs[state], undefined, happening), /without a live attempt/);
      }
    }
  });

  for (const outcome of outcomes) {
    test(`that ended ${outcome} is settled by a person ${outcome === "UNKNOWN" ? "as they say" : "no more"}`, () => {
      const run = runOf("ended", { state: { is: "ended", outcome, label: "UNKNOWN", at: now } });
      for (const as of resolveAs) {
        const { resolution } = happenings.resolved;
        const happening = { is: "resolved", resolution: { ...resolution, as } } as const;
        assert.equal(told(run, undefined, happening), outcome === "UNKNOWN" ? resolved[as] : "nothing");
      }
      for (const happening of Object.values(happenings)) {
        if (happening.is !== "resolved") assert.equal(advance(run, undefined, happening, now), undefined);
      }
    });
  }

  for (const state of ["queued", "unsettled"] as const) {
    test(`that is ${state} is moved to the front as it is, and keeps its place through its attempts`, () => {
      const moved = advance(runs[state], undefined, happenings.moved, now)?.run;
      assert.deepEqual(moved, { ...runs[state], front: 7 });
      assert.equal(beginRun(moved, "a9" as AttemptId, now)?.run.front, 7);
    });
  }

  test("keeps its first deadline through all its attempts", () => {
    const { runDeadlineAt: _, ...fresh } = runs.queued;
    assert.equal(beginRun(fresh, "a9" as AttemptId, now)?.deadlineAt, now + fresh.timeoutMs);
    assert.equal(beginRun({ ...fresh, runDeadlineAt: now + 5 }, "a9" as AttemptId, now)?.deadlineAt, now + 5);
  });
});
