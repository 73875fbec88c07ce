// Every phase of an attempt that cleans up a machine, times everything that can happen to it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Attempt, type AttemptPhase, attemptPhases } from "../../../server/rules/attempt.ts";
import { advanceUpkeep, beginUpkeep } from "../../../server/rules/upkeep.ts";
import { attemptOf, command, type FakeWorkflow, fakeInterpreter, now } from "./fakes.ts";
import { happenings, type Name, names, outstanding } from "./happenings.ts";

const work: FakeWorkflow = { steps: [], cleanup: [command("close"), command("clear")] };
const interpreter = fakeInterpreter(work);

/** Phases that it is never in: it is no run's readiness that it waits for, and no step that it tries again. */
type Never = "settling" | "stepping" | "waiting";
type Phase = Exclude<AttemptPhase, Never | "ended">;

/** The attempt's phase after it, the lease's fate, and what is known of the machine. */
const endless = {
  // Nothing of its run is its business.
  cancel: "nothing",
  deadline: "nothing",
  resolved: "nothing",
  moved: "nothing",
  older: "nothing",
  newer: "nothing",
  silent: "nothing",
  // Nobody waits for it: it begins anew when the machine is free again.
  held: "ended fence:",
  letGo: "nothing",
  drained: "ended fence:",
  released: "ended fence:",
  overdue: "ended fence: not-ready",
  lost: "ended end:",
  restarted: "ended end:",
};

const rows: Record<Phase, Record<Name, string>> = {
  proving: {
    ...endless,
    back: "proving keep:",
    // A result without a proof shows nothing.
    success: "ended end: not-ready",
    failure: "ended end: not-ready",
    someInput: "ended end: not-ready",
  },
  cleaning: {
    ...endless,
    back: "cleaning keep:",
    success: "cleaning keep:",
    failure: "repairing keep:",
    someInput: "repairing keep:",
  },
  repairing: {
    ...endless,
    back: "repairing keep:",
    success: "ended end: clean",
    failure: "ended end: not-ready",
    someInput: "ended end: not-ready",
  },
};

function inPhase(phase: AttemptPhase): Attempt {
  const progress = { section: "cleanup", index: 0, tries: 0 };
  const { proof: _, ...attempt } = attemptOf({ purpose: "upkeep", phase, progress, outstanding: outstanding("close") });
  return attempt;
}

function told(attempt: Attempt, name: Name): string {
  const change = advanceUpkeep(attempt, interpreter, happenings[name], now);
  if (change === undefined) return "nothing";
  return `${change.attempt.phase} ${change.lease}: ${change.marks.map((mark) => mark.is).join(" ")}`.trim();
}

describe("an attempt that cleans up a machine", () => {
  for (const [phase, expected] of Object.entries(rows) as [Phase, Record<Name, string>][]) {
    test(`goes on from ${phase} by its result, and ends without waiting for anybody`, () => {
      assert.deepEqual(Object.fromEntries(names.map((name) => [name, told(inPhase(phase), name)])), expected);
    });
  }

  test("begins in one of these phases, and comes into no other", () => {
    const begun = [undefined, "FROZEN" as const].map((left) => beginUpkeep(interpreter, left).phase);
    const reached = (Object.keys(rows) as Phase[]).flatMap((phase) =>
      names.flatMap((name) => advanceUpkeep(inPhase(phase), interpreter, happenings[name], now)?.attempt.phase ?? []),
    );
    const never: Record<Never, true> = { settling: true, stepping: true, waiting: true };
    const possible = attemptPhases.filter((phase) => !Object.hasOwn(never, phase));
    assert.deepEqual([...new Set<AttemptPhase>([...begun, ...reached])].sort(), [...possible].sort());
  });
});
