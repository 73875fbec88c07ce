// Short ways to compile a source in tests, and to go through a program.

import assert from "node:assert/strict";
import type { CommandOutput, CommandSpec } from "../../../server/rules/command.ts";
import type { NextStep } from "../../../server/rules/interpreter.ts";
import type { Json } from "../../../server/rules/names.ts";
import { compileApplication, compileWorkflow } from "../../../server/workflows/compile.ts";
import { begin, next, record } from "../../../server/workflows/interpreter.ts";
import type { Problem } from "../../../server/workflows/problem.ts";
import type { ApplicationProgram, FileRef, Program } from "../../../server/workflows/program.ts";

export const files: ReadonlyMap<string, FileRef> = new Map(
  [
    "seven.png",
    "a.png",
    "b.png",
    "c.png",
    "galculator-multiply.png",
    "mousepad-save-enabled.png",
    "wordpad-bold.png",
  ].map((name, index) => [name, { digest: `${index}`.repeat(64), width: 20, height: 20 }]),
);

export function compiled(source: string, known: Record<string, Program> = {}) {
  return compileWorkflow(source, {
    files,
    workflow: (name) => known[name],
    application: (name) => name !== "missing",
  });
}

export function program(source: string, known: Record<string, Program> = {}): Program {
  const result = compiled(source, known);
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.problems, null, 1));
  return result.program;
}

export function problems(source: string, known: Record<string, Program> = {}): readonly Problem[] {
  const result = compiled(source, known);
  return result.ok ? [] : result.problems;
}

export function application(source: string): ApplicationProgram {
  const result = compileApplication(source, { files });
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.problems, null, 1));
  return result.program;
}

/** A readonly workflow with these steps, each a line of flow YAML, and more keys of the top. */
export const withSteps = (steps: readonly string[], top = "readonly: true"): string =>
  `workflow: w\napplication: app\n${top}\nsteps:\n${steps.map((step) => `  - ${step}\n`).join("")}`;

/** Goes through a program; `answer` is what each command found. Progress goes through JSON after every call. */
export function walk(
  made: Program,
  inputs: Json,
  answer: (command: CommandSpec) => CommandOutput = () => ({}),
  section: "steps" | "cleanup" | "verify" = "steps",
): { commands: CommandSpec[]; end: NextStep } {
  const commands: CommandSpec[] = [];
  let progress = throughJson(begin(made, inputs, section));
  for (;;) {
    const step = next(made, progress);
    if (step.is !== "command") return { commands, end: step };
    commands.push(step.command);
    const sent = throughJson(step.progress);
    // Asked again while the command is out, it says the same.
    assert.deepEqual(next(made, sent), { ...step, progress: sent });
    progress = throughJson(record(made, sent, answer(step.command)));
  }
}

const throughJson = (value: Json): Json => {
  const copy = JSON.parse(JSON.stringify(value)) as Json;
  assert.deepEqual(copy, value);
  return copy;
};
