// An attempt at its steps, with everything that can happen to it; its readiness, and the deadlines of its commands.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { AttemptPhase, Ending } from "../../../server/rules/attempt.ts";
import type { RunHappening } from "../../../server/rules/happening.ts";
import { limits } from "../../../server/rules/limits.ts";
import { attemptOf, command, type FakeWorkflow, live, now, result, runOf } from "./fakes.ts";
import { happenings, outstanding as overdueSpec, table, told } from "./happenings.ts";

const one: FakeWorkflow = { steps: [command("save", "commit")] };

describe("an attempt at a commit step", () => {
  const outstanding = overdueSpec("save", "commit");
  table(
    "is lost as UNKNOWN, is retried on no account, and is asked before it is ended",
    runOf(),
    attemptOf({ outstanding }),
    {
      success: "SUCCEEDED ended AFTER_COMMIT end: STEP_DONE ATTEMPT_ENDED ENDED",
      failure: "FAILED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      someInput: "UNKNOWN ended UNKNOWN end: STEP_FAILED ATTEMPT_ENDED ENDED",
      older: "nothing",
      newer: "nothing",
      cancel: "cancelling stepping BEFORE_COMMIT keep: CANCEL_REQUESTED",
      deadline: "running stepping BEFORE_COMMIT keep: ",
      overdue: "running stepping BEFORE_COMMIT keep: ",
      silent: "running stepping BEFORE_COMMIT keep: HOLDING",
      back: "running stepping BEFORE_COMMIT keep: RESUMED",
      held: "running stepping BEFORE_COMMIT keep: HOLDING",
      letGo: "nothing",
      drained: "running stepping BEFORE_COMMIT keep: ",
      released: "UNKNOWN ended UNKNOWN fence: ATTEMPT_ENDED ENDED",
      resolved: "nothing",
      moved: "nothing",
      lost: "UNKNOWN ended UNKNOWN end: ATTEMPT_ENDED ENDED",
      restarted: "UNKNOWN ended UNKNOWN end: ATTEMPT_ENDED ENDED",
    },
    one,
  );
  const cancelled: Ending = { is: "cancelled" };
  table(
    "ends as cancelled by what its agent says of the abandoned step, or UNKNOWN without its word",
    runOf("cancelling"),
    attemptOf({ outstanding, ending: cancelled }),
    {
      success: "CANCELLED ended AFTER_COMMIT end: STEP_DONE ATTEMPT_ENDED ENDED",
      failure: "CANCELLED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      someInput: "UNKNOWN ended UNKNOWN end: STEP_FAILED ATTEMPT_ENDED ENDED",
      older: "nothing",
      newer: "nothing",
      cancel: "nothing",
      deadline: "nothing",
      overdue: "UNKNOWN ended UNKNOWN fence: ATTEMPT_ENDED ENDED",
      silent: "cancelling stepping BEFORE_COMMIT keep: HOLDING",
      back: "cancelling stepping BEFORE_COMMIT keep: RESUMED",
      held: "cancelling stepping BEFORE_COMMIT keep: HOLDING",
      letGo: "nothing",
      drained: "nothing",
      released: "UNKNOWN ended UNKNOWN fence: ATTEMPT_ENDED ENDED",
      resolved: "nothing",
      moved: "nothing",
      lost: "UNKNOWN ended UNKNOWN end: ATTEMPT_ENDED ENDED",
      restarted: "UNKNOWN ended UNKNOWN end: ATTEMPT_ENDED ENDED",
    },
    one,
  );
});

describe("an attempt before its commit", () => {
  table(
    "is handed on when its machine is lost, and goes on with its next step",
    runOf(),
    attemptOf({ outstanding: overdueSpec("open") }),
    {
      success: "running stepping BEFORE_COMMIT keep: STEP_DONE STEP_STARTED",
      failure: "FAILED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      someInput: "FAILED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      older: "nothing",
      newer: "nothing",
      cancel: "cancelling stepping BEFORE_COMMIT keep: CANCEL_REQUESTED",
      deadline: "running stepping BEFORE_COMMIT keep: ",
      overdue: "running stepping BEFORE_COMMIT keep: ",
      silent: "running stepping BEFORE_COMMIT keep: HOLDING",
      back: "running stepping BEFORE_COMMIT keep: RESUMED",
      held: "running stepping BEFORE_COMMIT keep: HOLDING",
      letGo: "nothing",
      drained: "running stepping BEFORE_COMMIT keep: ",
      released: "queued ended BEFORE_COMMIT fence: ATTEMPT_ENDED REQUEUED",
      resolved: "nothing",
      moved: "nothing",
      lost: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
      restarted: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    },
    { steps: [command("open"), command("save", "commit")] },
  );
  table(
    "that expired is EXPIRED, however it is lost",
    runOf(),
    attemptOf({ outstanding: overdueSpec("open"), ending: { is: "expired" } }),
    {
      success: "EXPIRED ended BEFORE_COMMIT end: STEP_DONE ATTEMPT_ENDED ENDED",
      failure: "EXPIRED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      someInput: "EXPIRED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
      older: "nothing",
      newer: "nothing",
      cancel: "cancelling stepping BEFORE_COMMIT keep: CANCEL_REQUESTED",
      deadline: "nothing",
      overdue: "EXPIRED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
      silent: "running stepping BEFORE_COMMIT keep: HOLDING",
      back: "running stepping BEFORE_COMMIT keep: RESUMED",
      held: "running stepping BEFORE_COMMIT keep: HOLDING",
      letGo: "nothing",
      drained: "nothing",
      released: "EXPIRED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
      resolved: "nothing",
      moved: "nothing",
      lost: "EXPIRED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      restarted: "EXPIRED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
    },
    { steps: [command("open"), command("save", "commit")] },
  );
});

describe("readiness", () => {
  const proof = (verdict: "READY" | "APP_NOT_RUNNING" | "NO_SURFACE"): RunHappening => ({
    is: "result",
    result: result(2, { input: "none", proof: { verdict, evidence: [], screen: { width: 1, height: 1 } } }),
  });
  const { proof: _, ...proving } = attemptOf({ phase: "proving", outstanding: overdueSpec("prove") });
  test("a proof that says READY begins the first step, and none other does", () => {
    assert.equal(
      told(runOf(), proving, proof("READY"), one),
      "running stepping BEFORE_COMMIT keep: PROVED STEP_STARTED",
    );
    assert.equal(
      told(runOf(), proving, proof("NO_SURFACE"), one),
      "queued ended BEFORE_COMMIT end: PROVED ATTEMPT_ENDED REQUEUED",
    );
  });
  test("an application that does not run is launched, and launched no more often than the limit", () => {
    const launching: FakeWorkflow = { ...one, launch: true };
    const repaired = "running repairing BEFORE_COMMIT keep: PROVED REPAIRING";
    assert.equal(told(runOf(), proving, proof("APP_NOT_RUNNING"), launching), repaired);
    const spent = { ...proving, repairs: limits.repairsMax, readyBy: now - 1 };
    const given = "queued ended BEFORE_COMMIT end: PROVED ATTEMPT_ENDED REQUEUED";
    assert.equal(told(runOf(), spent, proof("APP_NOT_RUNNING"), launching), given);
    assert.equal(told(runOf(), proving, proof("APP_NOT_RUNNING"), one), given);
  });
  test("a launched application has its time to come up", () => {
    const coming = { ...proving, repairs: 1, readyBy: now + 1 };
    assert.equal(told(runOf(), coming, proof("NO_SURFACE"), one), "running settling BEFORE_COMMIT keep: PROVED");
  });
});

describe("deadlines of commands", () => {
  test("a command is not overdue before its deadline", () => {
    assert.equal(told(runOf(), attemptOf(), happenings.overdue), "nothing");
  });
  test("what is outstanding when an attempt is stopped has the abandon's grace, and no more", () => {
    const change = advance(runOf(), live(attemptOf()), happenings.cancel, now);
    assert.equal(change?.attempt?.outstanding?.deadlineAt, now + limits.abandonGraceMs);
  });
  test("a command whose time passed while its machine was away has its whole time again", () => {
    const late = attemptOf({ outstanding: overdueSpec("open") });
    const change = advance(runOf(), live(late), happenings.back, now);
    assert.equal(change?.attempt?.outstanding?.deadlineAt, now + 1_000 + limits.resultGraceMs);
    assert.equal(change.attempt.commandNumber, late.commandNumber);
    const stopped = advance(runOf(), live({ ...late, ending: { is: "expired" } }), happenings.back, now);
    assert.equal(stopped?.attempt?.outstanding?.deadlineAt, now + limits.abandonGraceMs);
  });
  test("an agent that never reports its proof makes the machine not ready; one that never reports a step, a TIMEOUT", () => {
    const category = (phase: AttemptPhase) => {
      const change = advance(
        runOf(),
        live(attemptOf({ phase, outstanding: overdueSpec("x") })),
        happenings.overdue,
        now,
      );
      const ending = change?.attempt?.ending;
      return ending?.is === "failed" ? ending.failure.category : undefined;
    };
    assert.deepEqual((["proving", "repairing", "settling", "waiting", "stepping"] as const).map(category), [
      "NOT_READY",
      "NOT_READY",
      "NOT_READY",
      "TIMEOUT",
      "TIMEOUT",
    ]);
  });
});
