// Every state of a run and phase of its attempt, times everything that can happen to it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import { type Attempt, type AttemptPhase, attemptPhases, type Ending } from "../../../server/rules/attempt.ts";
import type { RunHappening } from "../../../server/rules/happening.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { Run } from "../../../server/rules/run.ts";
import { attemptOf, command, type FakeWorkflow, live, now, result, runOf } from "./fakes.ts";

/** What a row of the tables says: the run's state, the attempt's phase, the lease's fate, the label, the events. */
function told(run: Run, attempt: Attempt | undefined, happening: RunHappening, workflow?: FakeWorkflow): string {
  const change = advance(run, attempt === undefined ? undefined : live(attempt, workflow), happening, now);
  if (change === undefined) return "nothing";
  const { state } = change.run;
  const ended = state.is === "ended" ? `${state.outcome} ` : `${state.is} `;
  const phase = change.attempt === undefined ? "-" : `${change.attempt.phase} ${change.attempt.commitLabel}`;
  return `${ended}${phase} ${change.lease}: ${change.events.map((e) => e.kind).join(" ")}`;
}

const happenings = {
  success: { is: "result", result: result(2) },
  failure: { is: "result", result: result(2, { input: "none", failure: { category: "NOT_DONE", message: "" } }) },
  someInput: { is: "result", result: result(2, { input: "some", failure: { category: "NOT_DONE", message: "" } }) },
  older: { is: "result", result: result(1) },
  newer: { is: "result", result: result(3) },
  cancel: { is: "cancel-requested" },
  deadline: { is: "deadline-passed" },
  overdue: { is: "command-overdue" },
  silent: { is: "machine-silent" },
  back: { is: "machine-back" },
  lost: { is: "holder-gone", why: "MACHINE_LOST" },
  restarted: { is: "holder-gone", why: "AGENT_RESTARTED" },
} as const satisfies Record<string, RunHappening>;

type Name = keyof typeof happenings;
const names = Object.keys(happenings) as Name[];

function table(title: string, run: Run, attempt: Attempt | undefined, rows: Record<Name, string>, work?: FakeWorkflow) {
  test(title, () => {
    const found = Object.fromEntries(names.map((name) => [name, told(run, attempt, happenings[name], work)]));
    assert.deepEqual(found, rows);
  });
}

const all = (word: string): Record<Name, string> =>
  Object.fromEntries(names.map((name) => [name, word])) as Record<Name, string>;

const overdueSpec = (step: string, effect: "none" | "commit" = "none") => ({
  spec: command(step, effect),
  deadlineAt: now,
});
const one: FakeWorkflow = { steps: [command("save", "commit")] };

describe("a run without an attempt", () => {
  table("a queued run ends by a cancel or its deadline, and by nothing else", runOf("queued"), undefined, {
    ...all("nothing"),
    cancel: "CANCELLED - keep: CANCEL_REQUESTED ENDED",
    deadline: "EXPIRED - keep: ENDED",
  });
  table("nothing changes an ended run", runOf("ended"), undefined, all("nothing"));
  test("a running run without an attempt is a bug", () => {
    assert.throws(() => told(runOf(), undefined, happenings.lost), /without a live attempt/);
  });
});

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
      lost: "EXPIRED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      restarted: "EXPIRED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
    },
    { steps: [command("open"), command("save", "commit")] },
  );
});

/** Before the first step there is nothing to fail but the machine. */
const early: Partial<Record<AttemptPhase, Record<Name, string>>> = {
  proving: {
    ...all("nothing"),
    success: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    failure: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    someInput: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
  },
  repairing: {
    ...all("nothing"),
    success: "running proving BEFORE_COMMIT keep: ",
    failure: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    someInput: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
  },
  settling: {
    ...all("nothing"),
    success: "running proving BEFORE_COMMIT keep: ",
    failure: "running proving BEFORE_COMMIT keep: ",
    someInput: "running proving BEFORE_COMMIT keep: ",
  },
  waiting: {
    ...all("nothing"),
    success: "running stepping BEFORE_COMMIT keep: STEP_STARTED",
    failure: "running stepping BEFORE_COMMIT keep: STEP_STARTED",
    someInput: "running stepping BEFORE_COMMIT keep: STEP_STARTED",
  },
};

describe("an attempt that is proving, repairing, settling or waiting", () => {
  for (const [phase, results] of Object.entries(early) as [AttemptPhase, Record<Name, string>][]) {
    const { proof: _, ...unproven } = attemptOf({ phase, outstanding: overdueSpec(phase) });
    const common: Partial<Record<Name, string>> = {
      cancel: `cancelling ${phase} BEFORE_COMMIT keep: CANCEL_REQUESTED`,
      deadline: `running ${phase} BEFORE_COMMIT keep: `,
      overdue: `running ${phase} BEFORE_COMMIT keep: `,
      silent: `running ${phase} BEFORE_COMMIT keep: HOLDING`,
      back: `running ${phase} BEFORE_COMMIT keep: RESUMED`,
      lost: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
      restarted: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    };
    table(`moves on from ${phase} by its result, and is handed on when lost`, runOf(), unproven, {
      ...results,
      ...common,
    });
    table(
      `that is cancelled while ${phase} ends with whatever result comes, and is fenced when none does`,
      runOf("cancelling"),
      { ...unproven, ending: { is: "cancelled" } },
      {
        ...all("CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED"),
        older: "nothing",
        newer: "nothing",
        cancel: "nothing",
        deadline: "nothing",
        overdue: "CANCELLED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
        silent: `cancelling ${phase} BEFORE_COMMIT keep: HOLDING`,
        back: `cancelling ${phase} BEFORE_COMMIT keep: RESUMED`,
      },
    );
  }
  test("has a table for each phase before the first step and between tries", () => {
    const others = ["stepping", "cleaning", "ended"];
    assert.deepEqual(Object.keys(early).sort(), attemptPhases.filter((p) => !others.includes(p)).sort());
  });
});

describe("an attempt that cleans up", () => {
  const work: FakeWorkflow = { steps: [], cleanup: [command("close"), command("clear")] };
  const cleaning = (ending: Ending) =>
    attemptOf({
      phase: "cleaning",
      ending,
      outstanding: overdueSpec("close"),
      progress: { section: "cleanup", index: 0, tries: 0 },
    });
  const succeeded: Ending = { is: "succeeded", outputs: {} };
  const kept = {
    older: "nothing",
    newer: "nothing",
    deadline: "nothing",
    cancel: "cancelling cleaning BEFORE_COMMIT keep: CANCEL_REQUESTED",
    silent: "running cleaning BEFORE_COMMIT keep: HOLDING",
    back: "running cleaning BEFORE_COMMIT keep: RESUMED",
    success: "running cleaning BEFORE_COMMIT keep: ",
  };
  table(
    "ends as its steps ended, whatever becomes of the cleanup",
    runOf(),
    cleaning(succeeded),
    {
      ...kept,
      failure: "SUCCEEDED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      someInput: "SUCCEEDED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      overdue: "SUCCEEDED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
      lost: "SUCCEEDED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      restarted: "SUCCEEDED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
    },
    work,
  );
  const failed: Ending = { is: "failed", failure: { category: "MACHINE_LOST", message: "" } };
  table(
    "after a failure that may be tried again is tried again",
    runOf(),
    cleaning(failed),
    {
      ...kept,
      failure: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
      someInput: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
      overdue: "queued ended BEFORE_COMMIT fence: ATTEMPT_ENDED REQUEUED",
      lost: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
      restarted: "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED",
    },
    work,
  );
  table(
    "after such a failure is not tried again once its caller has cancelled it",
    runOf("cancelling"),
    cleaning(failed),
    {
      ...kept,
      cancel: "nothing",
      silent: "cancelling cleaning BEFORE_COMMIT keep: HOLDING",
      back: "cancelling cleaning BEFORE_COMMIT keep: RESUMED",
      success: "cancelling cleaning BEFORE_COMMIT keep: ",
      failure: "CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      someInput: "CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      overdue: "CANCELLED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
      lost: "CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
      restarted: "CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED",
    },
    work,
  );
  test("begins only on a machine that was proven ready, and never sends a step's command again", () => {
    const before = attemptOf({ outstanding: overdueSpec("open") });
    const change = advance(runOf(), live(before, { ...work, steps: [command("open")] }), happenings.success, now);
    assert.equal(change?.attempt?.phase, "cleaning");
    assert.equal(change.attempt.outstanding?.spec.step, "close");
    const { proof: _, ...unproven } = before;
    assert.equal(advance(runOf(), live(unproven, work), happenings.failure, now)?.attempt?.phase, "ended");
  });
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
