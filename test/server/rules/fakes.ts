// A run, an attempt and an interpreter that a test spells out: what the rules need, without a workflow.

import type { Attempt } from "../../../server/rules/attempt.ts";
import type { CommandSpec, Effect } from "../../../server/rules/command.ts";
import type { CommandResult, LiveAttempt } from "../../../server/rules/happening.ts";
import type { Interpreter } from "../../../server/rules/interpreter.ts";
import type { AttemptId, Json, MachineId, RunId } from "../../../server/rules/names.ts";
import { retryBudget, retryPaceDefault } from "../../../server/rules/retry.ts";
import type { Run, RunState } from "../../../server/rules/run.ts";

export const now = 1_000_000;

export const command = (step: string, effect: Effect = "none", checked = true): CommandSpec => ({
  step,
  effect,
  timeoutMs: 1_000,
  guard: [],
  done: checked ? [{ window: { title: step } }] : [],
  action: { is: "type", text: step },
});

interface Place {
  section: "steps" | "verify" | "cleanup";
  index: number;
  tries: number;
}

export interface FakeWorkflow {
  readonly steps: readonly CommandSpec[];
  readonly cleanup?: readonly CommandSpec[];
  /** How often a failed step is tried again. */
  readonly retries?: number;
  readonly retryDelayMs?: number;
  /** Wants to try again whatever reached the desktop: the rules must know better. */
  readonly rash?: boolean;
  readonly launch?: boolean;
  /** Has one verify step, `look`. */
  readonly verify?: "any" | "same-machine" | undefined;
}

/** Goes through the steps in order; its outputs are how many there were. */
export function fakeInterpreter(workflow: FakeWorkflow): Interpreter {
  const { steps, cleanup = [], retries = 0, retryDelayMs = 0 } = workflow;
  const at = (progress: Json) => progress as unknown as Place;
  const json = (place: Place) => place as unknown as Json;
  return {
    prove: { ...command("prove", "none", false), action: { is: "prove", ready: [], blocking: [] } },
    ...(workflow.launch === true
      ? { launch: { ...command("launch", "none", false), action: { is: "launch" as const, command: ["app"] } } }
      : {}),
    endApplication: { ...command("end-application", "none", false), action: { is: "end-application" } },
    verifiedOutputs: () => ({ verified: true }),
    ...(workflow.verify === undefined ? {} : { verify: { on: workflow.verify, withinMs: 60_000 } }),
    hasCleanup: cleanup.length > 0,
    begin: (section) => json({ section, index: 0, tries: 0 }),
    next(progress) {
      const list = { steps, cleanup, verify: [command("look", "none", false)] }[at(progress).section];
      const spec = list[at(progress).index];
      return spec === undefined
        ? { is: "finished", progress, outputs: { steps: list.length } }
        : { is: "command", command: spec, progress };
    },
    record: (progress) => json({ ...at(progress), index: at(progress).index + 1, tries: 0 }),
    retryStep(progress, { input }) {
      const { tries } = at(progress);
      if ((input !== "none" && workflow.rash !== true) || tries >= retries) return { again: false };
      return { again: true, progress: json({ ...at(progress), tries: tries + 1 }), delayMs: retryDelayMs };
    },
  };
}

export const machineId = "m1" as MachineId;

export const attemptOf = (changes: Partial<Attempt> = {}): Attempt => ({
  id: "a1" as AttemptId,
  number: 1,
  purpose: "attempt",
  machineId,
  phase: "stepping",
  commandNumber: 2,
  outstanding: { spec: command("save", "commit"), deadlineAt: now + 500 },
  progress: { section: "steps", index: 0, tries: 0 },
  commitLabel: "BEFORE_COMMIT",
  commitsBegun: 0,
  repairs: 0,
  stepsDone: 0,
  proof: { verdict: "READY", evidence: [], screen: { width: 1, height: 1 } },
  ...changes,
});

export const runOf = (state: RunState["is"] = "running", changes: Partial<Run> = {}): Run => ({
  id: "r1" as RunId,
  state: stateOf(state),
  attemptsUsed: 0,
  attemptsMax: 2,
  retryOn: ["MACHINE_LOST", "AGENT_RESTARTED", "NOT_READY"],
  notReadyCount: 0,
  pace: retryPaceDefault,
  avoid: [],
  front: 0,
  queueTimeoutMs: 60_000,
  timeoutMs: 60_000,
  runDeadlineAt: now + 60_000,
  ...changes,
});

function stateOf(is: RunState["is"]): RunState {
  if (is === "queued" || is === "unsettled") return { is, deadlineAt: now };
  if (is === "ended") return { is, outcome: "SUCCEEDED", label: "BEFORE_COMMIT", at: now };
  return { is, attemptId: "a1" as AttemptId, deadlineAt: now + 60_000 };
}

export const live = (
  attempt: Attempt,
  workflow: FakeWorkflow = { steps: [command("save", "commit")] },
): LiveAttempt => ({
  attempt,
  machine: "vm-1",
  interpreter: fakeInterpreter(workflow),
  budgetLeft: retryBudget.max,
});

export const result = (number: number, changes: Partial<CommandResult> = {}): CommandResult => ({
  number,
  input: "all",
  durationMs: 5,
  output: {},
  ...changes,
});
