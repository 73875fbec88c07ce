// The small rules, each by a table: commit labels, retries, admission, takeover, what is wanted, the clocks.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect, InputAmount } from "../../../server/rules/command.ts";
import { type CommitLabel, foldCommit } from "../../../server/rules/commit.ts";
import type { FailureCategory } from "../../../server/rules/failure.ts";
import { checkLeaseClocks, leaseClocks, limits } from "../../../server/rules/limits.ts";
import { type Attachment, admit, takeoverAt } from "../../../server/rules/machine.ts";
import type { AttemptId, LeaseId } from "../../../server/rules/names.ts";
import { decideRetry, retryBudget } from "../../../server/rules/retry.ts";
import { type LeasedWork, wanted } from "../../../server/rules/wanted.ts";
import { command, runOf } from "./fakes.ts";

const labels: CommitLabel[] = ["BEFORE_COMMIT", "AFTER_COMMIT", "UNKNOWN"];
const inputs: InputAmount[] = ["none", "some", "all"];

test("the commit label of every label, effect and result is the careful one (G4)", () => {
  for (const label of labels) {
    for (const effect of ["none", "idempotent", "commit"] as Effect[]) {
      const commits = effect === "commit" && label !== "UNKNOWN";
      assert.equal(foldCommit(label, effect, { is: "pending" }), commits ? "UNKNOWN" : label);
      for (const input of inputs) {
        for (const checked of [true, false]) {
          const fold = (succeeded: boolean) => foldCommit(label, effect, { is: "ended", succeeded, input, checked });
          assert.equal(fold(true), !commits ? label : checked ? "AFTER_COMMIT" : "UNKNOWN");
          assert.equal(fold(false), !commits || input === "none" ? label : "UNKNOWN");
        }
      }
    }
  }
});

test("a failure is tried again before a commit, in a category that may be, within the attempts", () => {
  const again = (category: FailureCategory, label: CommitLabel, changes: Parameters<typeof runOf>[1] = {}) => {
    const run = runOf("running", { attemptsUsed: 1, ...changes });
    const decision = decideRetry(run, { category, message: "" }, label, retryBudget.max);
    return decision.again ? (decision.counts ? "counted" : "free") : "no";
  };
  assert.equal(again("MACHINE_LOST", "BEFORE_COMMIT"), "counted");
  assert.equal(again("MACHINE_LOST", "BEFORE_COMMIT", { attemptsUsed: 2 }), "no");
  assert.equal(again("MACHINE_LOST", "AFTER_COMMIT"), "no");
  assert.equal(again("MACHINE_LOST", "UNKNOWN"), "no");
  assert.equal(again("TIMEOUT", "BEFORE_COMMIT"), "no");
  assert.equal(again("NOT_READY", "BEFORE_COMMIT", { attemptsUsed: 2 }), "free");
  assert.equal(again("NOT_READY", "BEFORE_COMMIT", { notReadyCount: limits.notReadyMax }), "counted");
  assert.equal(again("NOT_READY", "BEFORE_COMMIT", { notReadyCount: limits.notReadyMax, attemptsUsed: 2 }), "no");
  assert.equal(again("NOT_READY", "BEFORE_COMMIT", { retryOn: [] }), "no");
  for (const category of ["DRAINED", "FORCE_RELEASED"] as const) {
    assert.equal(
      again(category, "BEFORE_COMMIT", { retryOn: [], attemptsUsed: 2 }),
      "free",
      "no doing of the workflow",
    );
    assert.equal(again(category, "UNKNOWN"), "no");
    assert.equal(again(category, "BEFORE_COMMIT", { notReadyCount: limits.notReadyMax, attemptsUsed: 2 }), "no");
  }
});

test("an agent is let in by what is known of the one before it (G1)", () => {
  const known = { bootId: "b1", startId: "s1", dialNumber: 3 };
  const hello = { bootId: "b1", startId: "s1", dialNumber: 4, holdsLock: true };
  const machine: Attachment = { revoked: false, incarnation: known, beating: true, leased: true, leaseOverdue: false };
  const restarted = { ...hello, startId: "s2", dialNumber: 1 };
  const unlocked = { ...restarted, holdsLock: false };
  const rebooted = { ...restarted, bootId: "b2" };
  const rows: [string, Attachment, typeof hello, string][] = [
    ["the first agent", { ...machine, incarnation: undefined, beating: false, leased: false }, hello, "admitted none"],
    ["the same start, dialling again, leased", machine, hello, "admitted back"],
    ["the same start, dialling again", { ...machine, leased: false }, hello, "admitted none"],
    ["the same start with a dial number seen before", machine, { ...hello, dialNumber: 3 }, "cloned"],
    ["the same start with an older dial number", { ...machine, beating: false }, { ...hello, dialNumber: 2 }, "cloned"],
    ["a restart or a copy with the lock, while the older beats", machine, restarted, "cloned"],
    ["a restart or a copy, while the older beats without a lease", { ...machine, leased: false }, restarted, "cloned"],
    ["a restart with the lock, leased", { ...machine, beating: false }, restarted, "admitted gone"],
    ["a restart with the lock", { ...machine, beating: false, leased: false }, restarted, "admitted none"],
    ["a restart without the lock, while the older beats", machine, unlocked, "cloned"],
    ["a restart without the lock, leased", { ...machine, beating: false }, unlocked, "held"],
    ["a restart without the lock", { ...machine, beating: false, leased: false }, unlocked, "admitted none"],
    ["another boot with the lock, while the older beats", machine, rebooted, "cloned"],
    ["another boot with the lock, leased", { ...machine, beating: false }, rebooted, "held"],
    ["another boot", { ...machine, beating: false, leased: false }, rebooted, "admitted none"],
    ["the same start under a lease past its end", { ...machine, leaseOverdue: true }, hello, "held"],
    [
      "a restart with the lock under such a lease",
      { ...machine, beating: false, leaseOverdue: true },
      restarted,
      "admitted gone",
    ],
    ["whoever has the key after it was revoked", { ...machine, revoked: true, leased: false }, hello, "revoked"],
  ];
  for (const [title, attachment, incarnation, expected] of rows) {
    const found = admit(attachment, incarnation);
    assert.equal(found.is === "admitted" ? `admitted ${found.holder}` : found.is, expected, title);
  }
});

test("takeover comes a full takeover time after the last beat, and after the service came up again", () => {
  assert.equal(takeoverAt(100_000, 0, 0, leaseClocks), 113_000);
  assert.equal(takeoverAt(100_000, 5_000, 0, leaseClocks), 108_000);
  assert.equal(takeoverAt(100_000, 5_000, 99_000, leaseClocks), 112_000);
});

test("an agent is wanted to do what its live attempt says, and nothing for an ended one", () => {
  const work: LeasedWork = {
    leaseId: "l" as LeaseId,
    purpose: "attempt",
    attemptId: "a" as AttemptId,
    attemptEnded: false,
    stopping: false,
    application: { name: "app", processes: ["app"] },
    command: { number: 3, spec: command("x") },
  };
  const machine = { epoch: 7, halted: false, resumeNumber: 0 };
  assert.deepEqual(wanted(machine, undefined), { ...machine, abandon: false });
  assert.deepEqual(wanted(machine, { ...work, attemptEnded: true, stopping: true }), { ...machine, abandon: false });
  const doing = wanted(machine, work);
  assert.equal(doing.lease?.attemptId, "a");
  assert.equal(doing.command?.number, 3);
  assert.equal(doing.abandon, false);
  assert.equal(wanted(machine, { ...work, stopping: true }).abandon, true);
});

test("clocks that would let two drive one machine are refused", () => {
  assert.equal(checkLeaseClocks(leaseClocks), undefined);
  assert.equal(checkLeaseClocks({ ...leaseClocks, agentStopMs: 10_999 }), undefined);
  assert.match(checkLeaseClocks({ ...leaseClocks, agentStopMs: 11_050 }) ?? "", /stop/);
  assert.match(checkLeaseClocks({ ...leaseClocks, beatMs: 5_000 }) ?? "", /two beats/);
  assert.match(checkLeaseClocks({ ...leaseClocks, takeoverMs: 10_000 }) ?? "", /takeover/);
  assert.match(checkLeaseClocks({ ...leaseClocks, replicaRenewMs: 3_000 }) ?? "", /renewal/);
});
