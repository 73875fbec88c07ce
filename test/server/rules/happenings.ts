// Everything that can happen to a run, each in the shapes that make a difference, and what it makes of a run in one line: the
// columns of the tables of states. A kind of happening without an example here does not compile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt } from "../../../server/rules/attempt.ts";
import type { RunHappening } from "../../../server/rules/happening.ts";
import type { Resolution, Run } from "../../../server/rules/run.ts";
import { command, type FakeWorkflow, live, now, result } from "./fakes.ts";

const failure = { category: "NOT_DONE", message: "" } as const;
const resolution: Resolution = { as: "RETRY", nothingCommitted: true, by: "a person", at: now, note: "" };

export const happenings = {
  success: { is: "result", result: result(2) },
  failure: { is: "result", result: result(2, { input: "none", failure }) },
  someInput: { is: "result", result: result(2, { input: "some", failure }) },
  older: { is: "result", result: result(1) },
  newer: { is: "result", result: result(3) },
  cancel: { is: "cancel-requested" },
  deadline: { is: "deadline-passed" },
  overdue: { is: "command-overdue" },
  silent: { is: "machine-silent" },
  back: { is: "machine-back" },
  held: { is: "held", why: "HUMAN_PRESENT" },
  letGo: { is: "let-go" },
  drained: { is: "drain-overdue" },
  released: { is: "force-released" },
  resolved: { is: "resolved", resolution },
  moved: { is: "moved-to-front", front: 7 },
  lost: { is: "holder-gone", why: "MACHINE_LOST" },
  restarted: { is: "holder-gone", why: "AGENT_RESTARTED" },
} as const satisfies Record<string, RunHappening>;

export type Name = keyof typeof happenings;
export const names = Object.keys(happenings) as Name[];

type Told = (typeof happenings)[Name]["is"];
/** Fails to compile when a kind of happening is in no table. */
export const untold: Exclude<RunHappening["is"], Told> extends never ? "none" : never = "none";

/** What a row of the tables says: the run's state, the attempt's phase and label, the lease's fate, the events. */
export function told(run: Run, attempt: Attempt | undefined, happening: RunHappening, workflow?: FakeWorkflow): string {
  const change = advance(run, attempt === undefined ? undefined : live(attempt, workflow), happening, now);
  if (change === undefined) return "nothing";
  const { state } = change.run;
  const ended = state.is === "ended" ? `${state.outcome} ` : `${state.is} `;
  const phase = change.attempt === undefined ? "-" : `${change.attempt.phase} ${change.attempt.commitLabel}`;
  return `${ended}${phase} ${change.lease}: ${change.events.map((e) => e.kind).join(" ")}`;
}

export const all = (word: string): Record<Name, string> =>
  Object.fromEntries(names.map((name) => [name, word])) as Record<Name, string>;

/** A test of one state with everything that can happen. */
export function table(
  title: string,
  run: Run,
  attempt: Attempt | undefined,
  rows: Record<Name, string>,
  workflow?: FakeWorkflow,
): void {
  test(title, () => {
    const found = Object.fromEntries(names.map((name) => [name, told(run, attempt, happenings[name], workflow)]));
    assert.deepEqual(found, rows);
  });
}

/** What is outstanding when the tables begin: its time has just passed. */
export const outstanding = (step: string, effect: "none" | "commit" = "none") => ({
  spec: command(step, effect),
  deadlineAt: now,
});
