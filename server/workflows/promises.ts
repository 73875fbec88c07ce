// What a workflow as a whole promises, checked when it is put.

import { type Action, sendsInput } from "../rules/command.ts";
import type { Report } from "./problem.ts";
import { type Callee, everyCalledStep, everyStep, type StepPlan } from "./program.ts";

export interface Promises {
  readonly steps: readonly StepPlan[];
  readonly calls: { readonly [name: string]: Callee };
  readonly readonly: boolean;
  readonly timeoutMs: number;
  readonly verify: boolean;
  /** False when a part was not compiled: then what is missing may be in it. */
  readonly sound: boolean;
}

/** G4: a workflow that sends input says where it commits, or that it never does. */
export function checkPromises(of: Promises, report: Report): void {
  const all = [...everyStep(of.steps), ...everyCalledStep(of.calls)];
  const plans = all.flatMap(({ does, name }) => (does.is === "action" ? [{ name, ...does }] : []));
  const commits = plans.filter(({ effect }) => effect === "commit");
  const [first] = commits;
  if (of.readonly && first !== undefined) {
    report(
      ["readonly"],
      `A readonly workflow commits nothing, and \`${first.name}\` is a commit step.`,
      "Drop one of the two.",
    );
  }
  if (of.sound && !of.readonly && first === undefined && plans.some(({ kind }) => sendsInput({ is: kind } as Action))) {
    const remedy = "Mark the step that saves with `effect: commit`, or say `readonly: true`.";
    report(["steps"], "The workflow sends input and marks no commit step.", remedy);
  }
  if (of.sound && of.verify && first === undefined) {
    report(["verify"], "There is nothing to verify without a commit step.", "Leave `verify` out.", "key");
  }
  for (const { name, timeoutMs } of plans) {
    if (timeoutMs > of.timeoutMs) {
      report(
        ["timeout"],
        `The step \`${name}\` may take longer than the whole run.`,
        "Raise `timeout`, or lower the step's.",
      );
    }
  }
}
