// An attempt that an operator or a person holds (G14): its run never waits for a cleanup that would wait for them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import { attemptOf, command, type FakeWorkflow, live, now, result, runOf } from "./fakes.ts";

const workflow: FakeWorkflow = { steps: [command("write")], cleanup: [command("close")] };
const writing = { outstanding: { spec: command("write"), deadlineAt: now + 500 } };
const ended = [
  ["has done its last step", {}, "SUCCEEDED"],
  ["is cancelled", { ending: { is: "cancelled" } }, "CANCELLED"],
  ["is past the run's deadline", { ending: { is: "expired" } }, "EXPIRED"],
] as const;

for (const [name, ending, outcome] of ended) {
  test(`a held attempt that ${name} ends at once, and leaves its machine to be cleaned up`, () => {
    const end = (held: boolean) => {
      const attempt = attemptOf({
        ...writing,
        ...ending,
        ...(held ? { held: { why: "HALTED", since: now } as const } : {}),
      });
      return advance(runOf(), live(attempt, workflow), { is: "result", result: result(2) }, now);
    };
    const change = end(true);
    assert.ok(change?.run.state.is === "ended" && change.run.state.outcome === outcome);
    assert.equal(change.lease, "end");
    assert.deepEqual(change.marks, [...(outcome === "SUCCEEDED" ? [{ is: "succeeded" }] : []), { is: "unclean" }]);
    assert.equal(change.attempt?.held, undefined);
    assert.equal(end(false)?.attempt?.phase, "cleaning", "unheld, it cleans up itself");
  });
}
