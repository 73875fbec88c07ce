// Every phase of an attempt that is for a run, of either purpose, going on or being stopped, times everything that can happen to
// it. How the steps themselves end is in advance.test.ts and settling.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt, AttemptPhase, AttemptPurpose, Ending } from "../../../server/rules/attempt.ts";
import { holdReasons } from "../../../server/rules/machine.ts";
import type { Run } from "../../../server/rules/run.ts";
import { attemptOf, command, type FakeWorkflow, live, machineId, now, runOf } from "./fakes.ts";
import { all, happenings, type Name, outstanding, table, told } from "./happenings.ts";

type Purpose = Exclude<AttemptPurpose, "upkeep">;
/** Phases in which nothing has been decided of how the attempt ends. */
type Open = Exclude<AttemptPhase, "cleaning" | "ended">;
type Results = Pick<Record<Name, string>, "success" | "failure" | "someInput">;

const work: FakeWorkflow = {
  steps: [command("open"), command("save", "commit")],
  verify: "any",
  retries: 1,
};
const failed: Ending = { is: "failed", failure: { category: "MACHINE_LOST", message: "" } };
const cancelled: Ending = { is: "cancelled" };

const runs: Record<Purpose, (state?: "cancelling") => Run> = {
  attempt: (state = undefined) => runOf(state ?? "running"),
  verify: () =>
    runOf("verifying", {
      attemptsUsed: 1,
      unsettled: { attemptId: attemptOf().id, machineId, ending: failed, commitsBegun: 1, on: "any", tries: 0 },
    }),
};

const attempts: Record<Purpose, Partial<Attempt>> = {
  attempt: { progress: { section: "steps", index: 0, tries: 0 } },
  verify: { purpose: "verify", progress: { section: "verify", index: 0, tries: 0 } },
};

function inPhase(purpose: Purpose, phase: AttemptPhase, ending?: Ending): Attempt {
  const step = phase === "stepping" ? "open" : phase;
  const stopping = ending === undefined ? {} : { ending };
  const { proof, ...unproven } = attemptOf({
    ...attempts[purpose],
    phase,
    outstanding: outstanding(step),
    ...stopping,
  });
  const proven = phase === "stepping" || phase === "waiting" || phase === "cleaning";
  return proven && proof !== undefined ? { ...unproven, proof } : unproven;
}

const again = "queued ended BEFORE_COMMIT end: ATTEMPT_ENDED REQUEUED";
const unclear = "unsettled ended BEFORE_COMMIT end: ATTEMPT_ENDED VERIFIED UNSETTLED";
const step = (state: string) => `${state} stepping BEFORE_COMMIT keep:`;
const proves = (state: string) => `${state} proving BEFORE_COMMIT keep: `;

/** What a result makes of an attempt that goes on. */
const going: Record<Purpose, Record<Open, Results>> = {
  attempt: {
    // A result without a proof proves nothing.
    proving: { success: again, failure: again, someInput: again },
    repairing: { success: proves("running"), failure: again, someInput: again },
    settling: { success: proves("running"), failure: proves("running"), someInput: proves("running") },
    stepping: {
      success: `${step("running")} STEP_DONE STEP_STARTED`,
      failure: `${step("running")} STEP_FAILED STEP_STARTED`,
      someInput: "FAILED ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED ENDED",
    },
    waiting: {
      success: `${step("running")} STEP_STARTED`,
      failure: `${step("running")} STEP_STARTED`,
      someInput: `${step("running")} STEP_STARTED`,
    },
  },
  verify: {
    proving: { success: unclear, failure: unclear, someInput: unclear },
    repairing: { success: proves("verifying"), failure: unclear, someInput: unclear },
    settling: { success: proves("verifying"), failure: proves("verifying"), someInput: proves("verifying") },
    stepping: {
      success: "SUCCEEDED ended BEFORE_COMMIT end: STEP_DONE ATTEMPT_ENDED VERIFIED ENDED",
      failure: `${step("verifying")} STEP_FAILED STEP_STARTED`,
      someInput: "unsettled ended BEFORE_COMMIT end: STEP_FAILED ATTEMPT_ENDED VERIFIED UNSETTLED",
    },
    waiting: {
      success: `${step("verifying")} STEP_STARTED`,
      failure: `${step("verifying")} STEP_STARTED`,
      someInput: `${step("verifying")} STEP_STARTED`,
    },
  },
};

/** What anything else makes of an attempt, in whatever phase. `state`: its run's. */
const otherwise = (state: string, phase: AttemptPhase) => ({
  older: "nothing",
  newer: "nothing",
  resolved: "nothing",
  moved: "nothing",
  letGo: "nothing",
  silent: `${state} ${phase} BEFORE_COMMIT keep: HOLDING`,
  back: `${state} ${phase} BEFORE_COMMIT keep: RESUMED`,
  held: `${state} ${phase} BEFORE_COMMIT keep: HOLDING`,
});

/** While it goes on: it is stopped and abandoned, or its machine is gone. */
const interrupted: Record<Purpose, (phase: AttemptPhase) => Omit<Record<Name, string>, keyof Results>> = {
  attempt: (phase) => ({
    ...otherwise("running", phase),
    cancel: `cancelling ${phase} BEFORE_COMMIT keep: CANCEL_REQUESTED`,
    deadline: `running ${phase} BEFORE_COMMIT keep: `,
    overdue: `running ${phase} BEFORE_COMMIT keep: `,
    drained: `running ${phase} BEFORE_COMMIT keep: `,
    released: "queued ended BEFORE_COMMIT fence: ATTEMPT_ENDED REQUEUED",
    lost: again,
    restarted: again,
  }),
  verify: (phase) => ({
    ...otherwise("verifying", phase),
    cancel: `verifying ${phase} BEFORE_COMMIT keep: CANCEL_REQUESTED`,
    deadline: `verifying ${phase} BEFORE_COMMIT keep: `,
    overdue: `verifying ${phase} BEFORE_COMMIT keep: `,
    drained: `verifying ${phase} BEFORE_COMMIT keep: `,
    released: "unsettled ended BEFORE_COMMIT fence: ATTEMPT_ENDED VERIFIED UNSETTLED",
    lost: unclear,
    restarted: unclear,
  }),
};

/** While it is stopped, whatever comes ends it, and only its agent's silence needs a fence. */
const stopped: Record<Purpose, (phase: Open) => Record<Name, string>> = {
  attempt: (phase) => ({
    ...all("CANCELLED ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED"),
    ...otherwise("cancelling", phase),
    ...stoppedStep(phase, "CANCELLED ended BEFORE_COMMIT end:", "ATTEMPT_ENDED ENDED"),
    cancel: "nothing",
    deadline: "nothing",
    drained: "nothing",
    overdue: "CANCELLED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
    released: "CANCELLED ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
  }),
  verify: (phase) => ({
    ...all("UNKNOWN ended BEFORE_COMMIT end: ATTEMPT_ENDED ENDED"),
    ...otherwise("verifying", phase),
    ...stoppedStep(phase, "UNKNOWN ended BEFORE_COMMIT end:", "ATTEMPT_ENDED ENDED"),
    cancel: "nothing",
    deadline: "nothing",
    drained: "nothing",
    overdue: "UNKNOWN ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
    released: "UNKNOWN ended BEFORE_COMMIT fence: ATTEMPT_ENDED ENDED",
  }),
};

const stoppedStep = (phase: Open, before: string, after: string): Partial<Results> =>
  phase !== "stepping"
    ? {}
    : {
        success: `${before} STEP_DONE ${after}`,
        failure: `${before} STEP_FAILED ${after}`,
        someInput: `${before} STEP_FAILED ${after}`,
      };

for (const purpose of ["attempt", "verify"] as const) {
  describe(`an attempt of purpose ${purpose}`, () => {
    for (const [phase, results] of Object.entries(going[purpose]) as [Open, Results][]) {
      const rows = { ...interrupted[purpose](phase), ...results };
      table(`goes on from ${phase} by its result`, runs[purpose](), inPhase(purpose, phase), rows, work);
      const stopping = inPhase(purpose, phase, cancelled);
      table(
        `that is stopped while ${phase} ends`,
        runs[purpose]("cancelling"),
        stopping,
        stopped[purpose](phase),
        work,
      );
    }

    test("that has ended is not live, whatever happens", () => {
      for (const happening of Object.values(happenings)) {
        assert.throws(() => told(runs[purpose](), inPhase(purpose, "ended"), happening), /without a live attempt/);
      }
    });

    test("that is held is not overdue in any phase, and is stopped, ended and lost as one that is not", () => {
      const ends = ["cancel", "deadline", "silent", "drained", "released", "lost", "restarted"] as const;
      for (const phase of Object.keys(going[purpose]) as Open[]) {
        for (const why of holdReasons) {
          const free = inPhase(purpose, phase);
          const held: Attempt = { ...free, held: { why, since: now } };
          assert.equal(told(runs[purpose](), held, happenings.overdue, work), "nothing", phase);
          for (const end of ends) {
            const asIfFree = told(runs[purpose](), free, happenings[end], work);
            assert.equal(told(runs[purpose](), held, happenings[end], work), asIfFree, `${phase}, ${end}`);
            assert.notEqual(asIfFree, "nothing", `${phase}, ${end}`);
          }
        }
      }
    });

    test("that is held has its whole time again when it is let go, and is not overdue before", () => {
      const held = { ...inPhase(purpose, "stepping"), held: { why: "HALTED", since: now } } as const;
      const state = runs[purpose]().state.is;
      const kept = (phase: string) => `${state} ${phase}`;
      assert.equal(told(runs[purpose](), held, happenings.overdue, work), "nothing");
      assert.equal(told(runs[purpose](), held, { is: "held", why: "HALTED" }, work), "nothing");
      assert.equal(told(runs[purpose](), held, happenings.held, work), kept("stepping BEFORE_COMMIT keep: HOLDING"));
      assert.equal(told(runs[purpose](), held, happenings.letGo, work), kept("stepping BEFORE_COMMIT keep: RESUMED"));
      assert.equal(told(runs[purpose](), held, happenings.back, work), kept("stepping BEFORE_COMMIT keep: HOLDING"));
      const { outstanding: next } = advance(runs[purpose](), live(held, work), happenings.letGo, now)?.attempt ?? {};
      assert.ok(next !== undefined && next.deadlineAt > now + next.spec.timeoutMs);
      const stopping = { ...held, ending: cancelled };
      assert.match(told(runs[purpose](), stopping, happenings.overdue, work), / fence: /, "who stops waits for nobody");
    });
  });
}
