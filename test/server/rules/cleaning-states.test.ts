// An attempt that cleans up, whatever it ends as, times everything that can happen to it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt, Ending } from "../../../server/rules/attempt.ts";
import type { Run } from "../../../server/rules/run.ts";
import { attemptOf, command, type FakeWorkflow, live, machineId, now, runOf } from "./fakes.ts";
import { happenings, type Name, outstanding, table } from "./happenings.ts";

const work: FakeWorkflow = { steps: [], cleanup: [command("close"), command("clear")], verify: "any" };
const failed: Ending = { is: "failed", failure: { category: "MACHINE_LOST", message: "" } };

const cleaning = (ending: Ending, changes: Partial<Attempt> = {}): Attempt =>
  attemptOf({
    phase: "cleaning",
    ending,
    outstanding: outstanding("close"),
    progress: { section: "cleanup", index: 0, tries: 0 },
    ...changes,
  });

const verifying: Run = runOf("verifying", {
  attemptsUsed: 1,
  unsettled: { attemptId: attemptOf().id, machineId, ending: failed, commitsBegun: 1, on: "any", tries: 0 },
});

/** Rows of an attempt that ends as `ended`, with these events, whatever becomes of its cleanup. */
const rows = (state: string, ended: string, events: string): Record<Name, string> => ({
  older: "nothing",
  newer: "nothing",
  // It ends already: nothing stops it sooner but the end of its command's time.
  deadline: "nothing",
  drained: "nothing",
  resolved: "nothing",
  moved: "nothing",
  letGo: "nothing",
  cancel: `cancelling cleaning BEFORE_COMMIT keep: CANCEL_REQUESTED`,
  silent: `${state} cleaning BEFORE_COMMIT keep: HOLDING`,
  held: `${state} cleaning BEFORE_COMMIT keep: HOLDING`,
  back: `${state} cleaning BEFORE_COMMIT keep: RESUMED`,
  success: `${state} cleaning BEFORE_COMMIT keep: `,
  failure: `${ended} ended BEFORE_COMMIT end: ${events}`,
  someInput: `${ended} ended BEFORE_COMMIT end: ${events}`,
  overdue: `${ended} ended BEFORE_COMMIT fence: ${events}`,
  released: `${ended} ended BEFORE_COMMIT fence: ${events}`,
  lost: `${ended} ended BEFORE_COMMIT end: ${events}`,
  restarted: `${ended} ended BEFORE_COMMIT end: ${events}`,
});

describe("an attempt that cleans up", () => {
  const succeeded: Ending = { is: "succeeded", outputs: {} };
  const end = "ATTEMPT_ENDED ENDED";
  table("ends as its steps ended", runOf(), cleaning(succeeded), rows("running", "SUCCEEDED", end), work);
  const expired = rows("running", "EXPIRED", end);
  table("after its run's deadline is EXPIRED", runOf(), cleaning({ is: "expired" }), expired, work);
  const again = rows("running", "queued", "ATTEMPT_ENDED REQUEUED");
  table("after a failure that may be tried again is tried again", runOf(), cleaning(failed), again, work);
  table(
    "after such a failure is not tried again once its caller has cancelled it",
    runOf("cancelling"),
    cleaning(failed),
    { ...rows("cancelling", "CANCELLED", end), cancel: "nothing" },
    work,
  );
  table(
    "after a cancel is CANCELLED",
    runOf("cancelling"),
    cleaning({ is: "cancelled" }),
    { ...rows("cancelling", "CANCELLED", end), cancel: "nothing" },
    work,
  );

  const remembered = { cancel: "verifying cleaning BEFORE_COMMIT keep: CANCEL_REQUESTED" };
  const verify = { purpose: "verify" } as const;
  table(
    "of purpose verify has found what it has found",
    verifying,
    cleaning({ is: "verified", held: true, outputs: {} }, verify),
    { ...rows("verifying", "SUCCEEDED", "ATTEMPT_ENDED VERIFIED ENDED"), ...remembered },
    work,
  );
  table(
    "of purpose verify that has found nothing is followed by another",
    verifying,
    cleaning(failed, verify),
    { ...rows("verifying", "unsettled", "ATTEMPT_ENDED VERIFIED UNSETTLED"), ...remembered },
    work,
  );

  test("begins only on a machine that was proven ready, and never sends a step's command again", () => {
    const before = attemptOf({ outstanding: outstanding("open") });
    const change = advance(runOf(), live(before, { ...work, steps: [command("open")] }), happenings.success, now);
    assert.equal(change?.attempt?.phase, "cleaning");
    assert.equal(change.attempt.outstanding?.spec.step, "close");
    const { proof: _, ...unproven } = before;
    assert.equal(advance(runOf(), live(unproven, work), happenings.failure, now)?.attempt?.phase, "ended");
  });
});
