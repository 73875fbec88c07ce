// The budget of retries that all runs of a workflow share: a chain in which everything fails cannot spin past it (G6).

import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { AttemptId } from "../../../server/rules/names.ts";
import { retryBudget } from "../../../server/rules/retry.ts";
import type { Run } from "../../../server/rules/run.ts";
import { attemptOf, command, live, now, runOf } from "./fakes.ts";

const crashed = { category: "APP_CRASHED", message: "" } as const;
const retried = { retryOn: ["APP_CRASHED", "MACHINE_LOST"], attemptsMax: 10 };

/** What is left of a workflow's budget, changed as the store does it. */
let left: number = retryBudget.max;

/** Does the run's attempts one after another, each ended as is said; returns how many there were. */
function attemptsOf(start: Run, fails: boolean): number {
  let run = start;
  for (let attempts = 1; ; attempts++) {
    assert.ok(attempts < 20, "the run does not end");
    run = { ...run, state: { is: "running", attemptId: "a1" as AttemptId, deadlineAt: now + 60_000 } };
    const attempt = attemptOf({ outstanding: { spec: command("write"), deadlineAt: now + 500 } });
    const change = advance(
      run,
      { ...live(attempt), budgetLeft: left },
      fails
        ? { is: "result", result: { number: 2, input: "none", durationMs: 1, output: {}, failure: crashed } }
        : { is: "result", result: { number: 2, input: "all", durationMs: 1, output: {} } },
      now,
    );
    assert.ok(change !== undefined);
    if (change.budget === "spend") left -= retryBudget.perRetry;
    if (change.budget === "earn") left = Math.min(retryBudget.max, left + retryBudget.perRun);
    assert.ok(left >= 0 && left <= retryBudget.max);
    run = change.run;
    if (run.state.is === "ended") {
      if (fails) assert.equal(run.state.outcome, "FAILED");
      return attempts;
    }
  }
}

test("a hundred runs in a row that all fail are tried a hundred and thirty times at the most", () => {
  left = retryBudget.max;
  let attempts = 0;
  for (let n = 0; n < 100; n++) attempts += attemptsOf(runOf("running", retried), true);
  assert.ok(attempts > 100 + retryBudget.max && attempts <= 130, `${attempts} attempts`);
});

test("runs that succeed fill the budget again, up to the whole and not beyond", () => {
  left = 0;
  for (let n = 0; n < 60; n++) attemptsOf(runOf("running"), false);
  assert.equal(left, retryBudget.max);
  assert.equal(
    attemptsOf(runOf("running", { ...retried, attemptsMax: 2 }), true),
    2,
    "one that fails then is tried again",
  );
});

test("fifty machines that are lost at once fail no run, whatever is left of the budget", () => {
  const lost = { is: "holder-gone", why: "MACHINE_LOST" } as const;
  const end = (attemptsUsed: number) =>
    advance(
      runOf("running", { ...retried, attemptsUsed }),
      { ...live(attemptOf({ outstanding: { spec: command("write"), deadlineAt: now } })), budgetLeft: 0 },
      lost,
      now,
    );
  const first = end(0);
  assert.deepEqual([first?.run.state.is, first?.budget === "spend"], ["queued", false]);
  assert.equal(end(1)?.run.state.is, "ended", "a run that loses one machine after another is not tried for ever");
});
