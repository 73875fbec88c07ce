// How a run that may have committed is settled (G4): by `verify`, by the end of the time for it, by a person.

import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt, Ending } from "../../../server/rules/attempt.ts";
import type { RunChange, RunHappening } from "../../../server/rules/happening.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { AttemptId, Instant } from "../../../server/rules/names.ts";
import type { Run, Unsettled } from "../../../server/rules/run.ts";
import { settle } from "../../../server/rules/settling.ts";
import { attemptOf, command, type FakeWorkflow, live, machineId, now, result, runOf } from "./fakes.ts";

const workflow: FakeWorkflow = { steps: [command("save", "commit")], verify: "same-machine" };
const tidy: FakeWorkflow = { ...workflow, cleanup: [command("close")] };
const lost = { category: "MACHINE_LOST", message: "" } as const;
const asserted = { category: "ASSERTION_FAILED", message: "" } as const;
const withinMs = 60_000;

const unsettledBy = (ending: Ending, changes: Partial<Unsettled> = {}): Unsettled => ({
  attemptId: "a0" as AttemptId,
  machineId,
  ending: ending as Unsettled["ending"],
  commitsBegun: 1,
  on: "same-machine",
  tries: 0,
  ...changes,
});

const verifying = (unsettled: Partial<Unsettled> = {}, ending: Ending = { is: "failed", failure: lost }): Run =>
  runOf("verifying", { attemptsUsed: 1, unsettled: unsettledBy(ending, unsettled) });

const looking = (changes: Partial<Attempt> = {}): Attempt =>
  attemptOf({
    purpose: "verify",
    progress: { section: "verify", index: 0, tries: 0 },
    outstanding: { spec: command("look", "none", false), deadlineAt: now + 500 },
    ...changes,
  });

function after(
  run: Run,
  attempt: Attempt | undefined,
  happening: RunHappening,
  of: FakeWorkflow = workflow,
  at: Instant = now,
): RunChange {
  return advance(run, attempt && live(attempt, of), happening, at) ?? assert.fail("nothing changed");
}

/** The run in words: its state, or its outcome and label. */
const told = ({ state }: Run): string => (state.is === "ended" ? `${state.outcome} ${state.label}` : state.is);
const kinds = (change: RunChange): string => change.events.map(({ kind }) => kind).join(" ");
const said = (number: number, changes = {}): RunHappening => ({ is: "result", result: result(number, changes) });

for (const [how, happening, afterMs] of [
  ["lost with its machine", { is: "holder-gone", why: "MACHINE_LOST" }, 0],
  ["lost with its agent", { is: "holder-gone", why: "AGENT_RESTARTED" }, 3_000],
  ["taken away by an operator", { is: "force-released" }, 3_000],
  ["failed with some input sent", said(2, { input: "some", failure: { category: "TIMEOUT", message: "" } }), 3_000],
] as const) {
  test(`a commit step that was ${how} leaves its run unsettled until verify's time is over`, () => {
    const change = after(runOf(), attemptOf({ commitsBegun: 1 }), happening);
    // The application may still be at it. A takeover has waited already.
    const deadlines = { notBeforeAt: now + afterMs, deadlineAt: now + withinMs };
    assert.deepEqual(change.run.state, { is: "unsettled", ...deadlines });
    assert.match(kinds(change), /ATTEMPT_ENDED UNSETTLED$/);
    const { attemptId, commitsBegun, on, tries, ending } = change.run.unsettled ?? assert.fail();
    assert.deepEqual([attemptId, commitsBegun, on, tries, ending.is], ["a1", 1, "same-machine", 0, "failed"]);
  });
}

test("without verify steps, or with nothing sent, there is nothing to find out", () => {
  const gone = { is: "holder-gone", why: "MACHINE_LOST" } as const;
  assert.equal(told(after(runOf(), attemptOf(), gone, { steps: workflow.steps }).run), "UNKNOWN UNKNOWN");
  const none = said(2, { input: "none", failure: { category: "TIMEOUT", message: "" } });
  const change = after(runOf(), attemptOf({ commitsBegun: 1 }), none);
  assert.equal(told(change.run), "FAILED BEFORE_COMMIT");
  assert.equal(change.attempt?.commitsBegun, 0);
});

for (const [ending, heldEnd, notHeldEnd] of [
  [{ is: "failed", failure: lost }, "SUCCEEDED AFTER_COMMIT", "queued"],
  [{ is: "failed", failure: asserted }, "SUCCEEDED AFTER_COMMIT", "FAILED BEFORE_COMMIT"],
  [{ is: "cancelled" }, "CANCELLED AFTER_COMMIT", "CANCELLED BEFORE_COMMIT"],
  [{ is: "expired" }, "EXPIRED AFTER_COMMIT", "EXPIRED BEFORE_COMMIT"],
] as const) {
  const name = ending.is === "failed" ? `failed by ${ending.failure.category}` : ending.is;
  test(`an attempt that ${name} is ${heldEnd} once verify has found its commit, and ${notHeldEnd} once it has not`, () => {
    const held = after(verifying({}, ending), looking(), said(2));
    assert.equal(told(held.run), heldEnd);
    assert.equal(kinds(held), "STEP_DONE ATTEMPT_ENDED VERIFIED ENDED");
    const no = after(verifying({}, ending), looking(), said(2, { failure: asserted }));
    assert.equal(told(no.run), notHeldEnd);
    assert.match(kinds(no), /^STEP_FAILED ATTEMPT_ENDED VERIFIED (ENDED|REQUEUED)$/);
    for (const { run } of [held, no]) assert.equal(run.unsettled, undefined, "it is settled");
  });
}

test("a run that is tried again after verify goes to another machine, and its verify attempts count for nothing", () => {
  const { run, budget } = after(verifying(), looking(), said(2, { failure: asserted }));
  assert.deepEqual(run.avoid, [machineId]);
  assert.equal(run.attemptsUsed, 1);
  assert.equal(budget, "keep", "its machine was lost, for the first time");
  const used = after({ ...verifying(), attemptsUsed: 2 }, looking(), said(2, { failure: asserted }));
  assert.equal(told(used.run), "FAILED BEFORE_COMMIT");
});

test("what is found not to have taken hold after the run's own deadline is not tried again for long: it expires", () => {
  const late = { ...verifying(), runDeadlineAt: now - 1 };
  const { run } = after(late, looking(), said(2, { failure: asserted }));
  assert.ok(run.state.is === "queued" && run.state.deadlineAt < now);
  assert.equal(told(after(run, undefined, { is: "deadline-passed" }).run), "EXPIRED BEFORE_COMMIT");
});

test("of several commit steps, not all of which took hold, nobody says that trying again is safe", () => {
  const several = verifying({ commitsBegun: 2 });
  assert.equal(told(after(several, looking(), said(2, { failure: asserted })).run), "UNKNOWN UNKNOWN");
  assert.equal(told(after(several, looking(), said(2)).run), "SUCCEEDED AFTER_COMMIT");
});

test("an exec that ends with 1 says no; with anything else, or stopped, it could not find out", () => {
  const exec = (exitCode?: number) => {
    const output = exitCode === undefined ? {} : { exitCode };
    return said(2, { output, failure: { category: "EXEC_FAILED", message: "" } });
  };
  assert.equal(told(after(verifying(), looking(), exec(1)).run), "queued");
  for (const code of [2, 127, -1, undefined])
    assert.equal(told(after(verifying(), looking(), exec(code)).run), "unsettled");
  const timeout = said(2, { failure: { category: "TIMEOUT", message: "" } });
  assert.equal(told(after(verifying(), looking(), timeout).run), "unsettled");
});

test("what could not be found out is tried again, each time later, until verify's time is over", () => {
  const found = (tries: number, deadlineAt: Instant) =>
    settle(verifying({ tries }), { verification: "UNCLEAR", deadlineAt }, 10, now).run;
  const waits = [0, 1, 2, 5, 30].map((tries) => {
    const { state } = found(tries, now + 1);
    return state.is === "unsettled" ? (state.notBeforeAt ?? 0) - now : assert.fail(state.is);
  });
  assert.deepEqual(waits, [2_000, 4_000, 8_000, 60_000, limits.verifyAgainMaxMs]);
  assert.equal(found(3, now + 1).unsettled?.tries, 4);
  assert.equal(told(found(0, now)), "UNKNOWN UNKNOWN");
});

test("a run that ended UNKNOWN keeps what there is to settle, and says that verify could not", () => {
  const unsettled = runOf("unsettled", { unsettled: unsettledBy({ is: "failed", failure: lost }) });
  const { run } = after(unsettled, undefined, { is: "deadline-passed" });
  assert.ok(run.state.is === "ended" && run.state.outcome === "UNKNOWN");
  assert.match(run.state.failure?.retryDecision ?? "", /no machine was found in time/);
  assert.deepEqual(run.unsettled, unsettled.unsettled);
});

test("a cancel ends the waiting for verify, and a verify attempt: what nobody has found out is UNKNOWN", () => {
  const unsettled = runOf("unsettled", { unsettled: unsettledBy({ is: "failed", failure: lost }) });
  const waiting = after(unsettled, undefined, { is: "cancel-requested" });
  assert.equal(told(waiting.run), "UNKNOWN UNKNOWN");
  assert.equal(kinds(waiting), "CANCEL_REQUESTED ENDED");
  const stopping = after(verifying(), looking(), { is: "cancel-requested" });
  assert.equal(told(stopping.run), "verifying");
  assert.equal(stopping.attempt?.ending?.is, "cancelled");
  const stopped = stopping.attempt ?? assert.fail();
  assert.equal(advance(stopping.run, live(stopped, workflow), { is: "cancel-requested" }, now), undefined);
  assert.equal(told(after(stopping.run, stopped, said(2)).run), "UNKNOWN UNKNOWN");
});

for (const [found, output, end] of [
  ["took hold", {}, "SUCCEEDED AFTER_COMMIT"],
  ["did not", { failure: asserted }, "CANCELLED BEFORE_COMMIT"],
  ["cannot be told", { failure: { category: "TIMEOUT", message: "" } }, "UNKNOWN UNKNOWN"],
] as const) {
  test(`a cancel while a verify attempt cleans up changes nothing of what it has found; what ${found} is ${end}`, () => {
    const cleaning = after(verifying(), looking(), said(2, output), tidy);
    assert.equal(cleaning.attempt?.phase, "cleaning");
    const cancelled = after(cleaning.run, cleaning.attempt, { is: "cancel-requested" }, tidy);
    assert.equal(kinds(cancelled), "CANCEL_REQUESTED");
    const again = cancelled.attempt && live(cancelled.attempt, tidy);
    assert.equal(advance(cancelled.run, again, { is: "cancel-requested" }, now), undefined);
    assert.equal(told(after(cancelled.run, cancelled.attempt, said(3), tidy).run), end);
  });
}

test("a cancel while a failed attempt cleans up is remembered: verify finds no commit, and it is not tried again", () => {
  const failed = said(2, { input: "some", failure: { category: "MACHINE_LOST", message: "" } });
  const cleaning = after(runOf(), attemptOf({ commitsBegun: 1 }), failed, tidy);
  const cancelled = after(cleaning.run, cleaning.attempt, { is: "cancel-requested" }, tidy);
  const { run } = after(cancelled.run, cancelled.attempt, said(3), tidy);
  assert.equal(told(run), "unsettled");
  const verify = { ...run, state: verifying().state };
  assert.equal(told(after(verify, looking(), said(2, { failure: asserted })).run), "CANCELLED BEFORE_COMMIT");
  assert.equal(told(after(verify, looking(), said(2)).run), "SUCCEEDED AFTER_COMMIT");
});

test("a verify attempt that its time runs out for is stopped, and its run is UNKNOWN", () => {
  const stopping = after(verifying(), looking(), { is: "deadline-passed" });
  const stopped = after(stopping.run, stopping.attempt, said(2, { failure: { category: "CANCELLED", message: "" } }));
  assert.equal(told(stopped.run), "UNKNOWN UNKNOWN");
  assert.deepEqual(
    stopped.events.flatMap((event) => (event.kind === "VERIFIED" ? [event.verification] : [])),
    ["UNCLEAR"],
  );
});

test("what is not found while the machine that was at it is away is not known, and what is found is", () => {
  const no = after(verifying({ away: true }), looking(), said(2, { failure: asserted }));
  assert.equal(told(no.run), "unsettled");
  assert.deepEqual(
    no.events.flatMap((event) => (event.kind === "VERIFIED" ? [event.verification] : [])),
    ["UNCLEAR"],
  );
  assert.equal(told(after(verifying({ away: true }), looking(), said(2)).run), "SUCCEEDED AFTER_COMMIT");
  assert.equal(told(after(verifying({ away: false }), looking(), said(2, { failure: asserted })).run), "queued");
});

test("a verify attempt that is lost, or whose machine is not ready, has found nothing out", () => {
  assert.equal(told(after(verifying(), looking(), { is: "holder-gone", why: "MACHINE_LOST" }).run), "unsettled");
  const proving = looking({ phase: "proving" });
  const proof = { verdict: "WRONG_SCREEN", evidence: [], screen: { width: 1, height: 1 } } as const;
  const change = after(verifying(), proving, said(2, { input: "none", proof }));
  assert.equal(told(change.run), "unsettled");
  assert.deepEqual(change.marks, [{ is: "not-ready", verdict: "WRONG_SCREEN" }]);
});

test("what a verify attempt has found counts although its machine is lost while it cleans up", () => {
  const cleaning = after(verifying(), looking(), said(2), tidy);
  const change = after(cleaning.run, cleaning.attempt, { is: "holder-gone", why: "MACHINE_LOST" }, tidy);
  assert.equal(told(change.run), "SUCCEEDED AFTER_COMMIT");
  assert.deepEqual(change.marks, [{ is: "succeeded" }, { is: "unclean" }]);
});
