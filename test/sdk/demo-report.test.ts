// The demo's report as a program reads it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { reportJson, reportOf } from "../../examples/demo/report.ts";

test("the demo's JSON says where a film is only when the film outlives the report", () => {
  const times = { waitedMs: 1, tookMs: 2 };
  const done = { outcome: "SUCCEEDED", machine: "vm-1", attempts: 1, verdict: "READY", ...times, checks: [] };
  const run = { id: "0198", workflow: "notes.save", ...done, filmFrames: 5, film: "/films/run-1" };
  const report = reportOf([{ called: "machines", machines: ["vm-1"], runs: [run] }]);
  const { film: _removed, ...withoutFilm } = run;
  assert.deepEqual(JSON.parse(reportJson(report, { once: true })), { ...report, runs: [withoutFilm] });
  assert.deepEqual(JSON.parse(reportJson(report, { once: false })), report);
});
