// Cleaning up a machine that an attempt has left as it was: what is done, and when the machine counts as clean.

import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt } from "../../../server/rules/attempt.ts";
import type { CommandResult, RunHappening } from "../../../server/rules/happening.ts";
import { limits } from "../../../server/rules/limits.ts";
import { unreadyUntil } from "../../../server/rules/readiness-backoff.ts";
import { advanceUpkeep, beginUpkeep, type UpkeepChange } from "../../../server/rules/upkeep.ts";
import { type Verdict, verdicts } from "../../../server/rules/verdict.ts";
import { attemptOf, command, type FakeWorkflow, fakeInterpreter, live, now, result, runOf } from "./fakes.ts";

const workflow: FakeWorkflow = { steps: [command("open")], cleanup: [command("tidy"), command("close")] };
const interpreter = fakeInterpreter(workflow);
const failure = { category: "NOT_DONE", message: "" } as const;

const upkeep = (changes: Partial<Attempt> = {}): Attempt => {
  const { proof: _, ...rest } = attemptOf({ purpose: "upkeep", phase: "proving", commandNumber: 1 });
  return { ...rest, outstanding: { spec: interpreter.prove, deadlineAt: now + 500 }, ...changes };
};

const proved = (verdict: Verdict): Partial<CommandResult> => ({
  input: "none",
  proof: { verdict, evidence: [], screen: { width: 1, height: 1 } },
});

const after = (attempt: Attempt, happening: RunHappening, of = interpreter): UpkeepChange =>
  advanceUpkeep(attempt, of, happening, now) ?? assert.fail("nothing changed");

const reported = (attempt: Attempt, changes: Partial<CommandResult> = {}, of = interpreter): UpkeepChange =>
  after(attempt, { is: "result", result: result(attempt.commandNumber, changes) }, of);

/** The upkeep attempt in words: what is done next, or how the machine is left. */
const told = ({ attempt, lease, marks }: UpkeepChange): string =>
  attempt.phase === "ended"
    ? `${lease} ${marks.map((mark) => (mark.is === "not-ready" ? `not-ready ${mark.verdict}` : mark.is)).join(" ")}`.trim()
    : `${attempt.phase} ${attempt.outstanding?.spec.step}`;

test("it begins with a look, but where the application is known to be frozen with its end", () => {
  assert.equal(beginUpkeep(interpreter, undefined).command.step, "prove");
  assert.equal(beginUpkeep(interpreter, "MACHINE_LOST").phase, "proving");
  const frozen = beginUpkeep(interpreter, "FROZEN");
  assert.deepEqual([frozen.phase, frozen.command.step], ["repairing", "end-application"]);
});

const afterProof: Record<Verdict, string> = {
  READY: "cleaning tidy",
  MODAL_BLOCKING: "cleaning tidy",
  WRONG_SCREEN: "cleaning tidy",
  LOGIN_REQUIRED: "cleaning tidy",
  MFA_PROMPT: "cleaning tidy",
  FROZEN: "repairing end-application",
  APP_NOT_RUNNING: "end clean",
  NO_SURFACE: "end not-ready NO_SURFACE",
};

test("what is done goes by what is seen", () => {
  for (const verdict of verdicts) assert.equal(told(reported(upkeep(), proved(verdict))), afterProof[verdict], verdict);
  assert.equal(told(reported(upkeep(), { failure, input: "none" })), "end not-ready NO_SURFACE");
});

test("the machine is clean when all cleanup steps were done", () => {
  const tidying = reported(upkeep(), proved("MODAL_BLOCKING"));
  const closing = reported(tidying.attempt);
  assert.equal(told(closing), "cleaning close");
  assert.equal(told(reported(closing.attempt)), "end clean");
});

test("a cleanup step that fails is followed by the end of the application, and then the machine is clean", () => {
  const tidying = reported(upkeep(), proved("READY"));
  const ending = reported(tidying.attempt, { failure });
  assert.equal(told(ending), "repairing end-application");
  assert.equal(ending.attempt.commandNumber, 3);
  assert.equal(told(reported(ending.attempt)), "end clean");
});

test("an application that cannot be ended leaves its machine unclean, left alone for a while, and says why", () => {
  const ending = reported(upkeep(), proved("FROZEN"));
  const change = reported(ending.attempt, { failure });
  assert.equal(told(change), "end not-ready FROZEN");
  assert.deepEqual(change.attempt.failure, failure);
});

test("a workflow without cleanup steps leaves nothing to do where the application answers", () => {
  const bare = fakeInterpreter({ steps: [] });
  assert.equal(told(reported(upkeep(), proved("WRONG_SCREEN"), bare)), "end clean");
});

test("an agent that does not report in time is fenced, and one that is gone leaves the machine as unclean as it was", () => {
  const overdue = upkeep({ outstanding: { spec: interpreter.prove, deadlineAt: now } });
  assert.equal(told(after(overdue, { is: "command-overdue" })), "fence not-ready FROZEN");
  assert.equal(advanceUpkeep(upkeep(), interpreter, { is: "command-overdue" }, now), undefined);
  assert.equal(told(after(upkeep(), { is: "holder-gone", why: "MACHINE_LOST" })), "end");
  for (const is of ["force-released", "drain-overdue"] as const) assert.equal(told(after(upkeep(), { is })), "fence");
});

test("what happens to its run is nothing to it, nor are late and repeated results", () => {
  for (const is of ["cancel-requested", "deadline-passed", "machine-silent"] as const) {
    assert.equal(advanceUpkeep(upkeep(), interpreter, { is }, now), undefined);
  }
  const { attempt } = reported(upkeep(), proved("READY"));
  assert.equal(advanceUpkeep(attempt, interpreter, { is: "result", result: result(1) }, now), undefined);
  assert.equal(advanceUpkeep(attempt, interpreter, { is: "result", result: result(3) }, now), undefined);
});

test("a machine that comes back gives its command the whole time again", () => {
  const outstanding = { spec: interpreter.prove, deadlineAt: now - 1 };
  const { attempt } = after(upkeep({ outstanding }), { is: "machine-back" });
  assert.equal(attempt.outstanding?.deadlineAt, now + interpreter.prove.timeoutMs + limits.resultGraceMs);
});

test("nobody waits for it: a hold ends it, and the machine stays as unclean as it was", () => {
  assert.equal(told(after(upkeep(), { is: "held", why: "HALTED" })), "fence");
  assert.equal(advanceUpkeep(upkeep(), interpreter, { is: "let-go" }, now), undefined);
});

test("an attempt that is cut off before its cleanup leaves its machine unclean; one that did it, or owes none, does not", () => {
  const marks = (attempt: Attempt, happening: RunHappening, of: FakeWorkflow = workflow) =>
    advance(runOf(), live(attempt, of), happening, now)?.marks.map((mark) => mark.is);
  const gone = { is: "holder-gone", why: "MACHINE_LOST" } as const;
  assert.deepEqual(marks(attemptOf(), gone), ["failed", "unclean"]);
  assert.deepEqual(marks(attemptOf(), { is: "force-released" }), ["unclean"]);
  assert.deepEqual(marks(attemptOf(), gone, { steps: workflow.steps }), ["failed"]);
  const { proof: _, ...unproven } = attemptOf({ phase: "proving" });
  assert.deepEqual(marks(unproven, gone), ["failed"]);
  const ending = { is: "succeeded", outputs: null } as const;
  const last = attemptOf({ phase: "cleaning", ending, progress: { section: "cleanup", index: 1, tries: 0 } });
  assert.deepEqual(marks(last, { is: "result", result: result(2) }), ["succeeded"]);
  assert.deepEqual(marks(last, { is: "result", result: result(2, { failure }) }), ["succeeded", "unclean"]);
  assert.deepEqual(marks(last, gone), ["succeeded", "unclean"]);
});

test("a frozen application leaves its machine unclean whatever the workflow says, and no cleanup step is tried on it", () => {
  const frozen = result(2, { input: "some", failure: { category: "FROZEN", message: "" } });
  const bare: FakeWorkflow = { steps: [command("save", "commit")] };
  for (const which of [workflow, bare]) {
    const change = advance(runOf(), live(attemptOf(), which), { is: "result", result: frozen }, now);
    assert.equal(change?.attempt?.phase, "ended");
    assert.deepEqual(change?.marks, [{ is: "failed" }, { is: "unclean" }]);
  }
  const seen = result(2, proved("FROZEN"));
  const change = advance(runOf(), live(attemptOf({ phase: "proving" }), bare), { is: "result", result: seen }, now);
  assert.deepEqual(change?.marks, [{ is: "not-ready", verdict: "FROZEN" }, { is: "unclean" }]);
});

test("a machine that is not ready is left alone for longer each time, up to a limit", () => {
  const waits = [1, 2, 3, 100].map((count) => unreadyUntil(count, now) - now);
  assert.deepEqual(waits, [limits.unreadyMs, limits.unreadyMs * 2, limits.unreadyMs * 4, limits.unreadyMaxMs]);
});
