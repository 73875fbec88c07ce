// What is kept, and what may be deleted: by policy, and by a person.

import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../../server/rules/limits.ts";
import { cutOffs, type KeptRun, retentionOf, whyKept, whyNotPurged } from "../../../server/rules/retention.ts";
import { outcomes } from "../../../server/rules/run.ts";

const now = 1_000_000_000_000;
const retention = { runsMs: 1_000, artifactsMs: 100 };
const cut = cutOffs(retention, now);
const old = now - retention.runsMs;

test("what a tenant has not set is the default", () => {
  const none = { runsMs: null, artifactsMs: null };
  assert.deepEqual(retentionOf(none), { runsMs: limits.keepRunsMs, artifactsMs: limits.keepArtifactsMs });
  assert.deepEqual(retentionOf({ runsMs: 5, artifactsMs: null }), { runsMs: 5, artifactsMs: limits.keepArtifactsMs });
  assert.deepEqual(retentionOf({ runsMs: null, artifactsMs: 6 }), { runsMs: limits.keepRunsMs, artifactsMs: 6 });
});

test("something is kept for exactly as long as was said", () => {
  assert.deepEqual(cut, { runsEndedBy: now - 1_000, artifactsMadeBy: now - 100 });
  const ended = (at: number) => whyKept({ end: { outcome: "SUCCEEDED", at }, inUse: false }, cut);
  assert.deepEqual([ended(old + 1), ended(old), ended(old - 1)], ["young", undefined, undefined]);
});

/** Every run that there can be, as far as it matters here. */
const kept: (KeptRun & { readonly told: string })[] = [true, false].flatMap((inUse) => [
  { told: `not ended, ${inUse}`, inUse },
  ...outcomes.flatMap((outcome) =>
    [old, now].map((at) => ({ told: `${outcome} ${at}, ${inUse}`, inUse, end: { outcome, at } })),
  ),
]);

test("age deletes a run only if it has ended, is not in use and somebody knows how it ended", () => {
  for (const run of kept) {
    const mayGo = run.end !== undefined && !run.inUse && run.end.outcome !== "UNKNOWN" && run.end.at <= cut.runsEndedBy;
    assert.equal(whyKept(run, cut) === undefined, mayGo, run.told);
  }
  assert.equal(whyKept({ inUse: true }, cut), "not ended");
  assert.equal(whyKept({ inUse: true, end: { outcome: "UNKNOWN", at: old } }, cut), "in use");
  assert.equal(whyKept({ inUse: false, end: { outcome: "UNKNOWN", at: old } }, cut), "nobody knows");
});

test("a person has any run deleted that has ended and is not in use, at any age", () => {
  for (const run of kept) {
    const why = run.end === undefined ? "RUN_NOT_ENDED" : run.inUse ? "RUN_IN_USE" : undefined;
    assert.equal(whyNotPurged(run), why, run.told);
  }
});
