// What the engine and the API need to know of a program without walking it.

import { type Action, type Effect, sendsInput } from "../rules/command.ts";
import type { Json } from "../rules/names.ts";
import { everyCalledStep, everyStep, type Program } from "./program.ts";

export interface Summary {
  readonly workflow: string;
  readonly application: string;
  readonly requires: Program["requires"];
  /** Optional abilities of an agent that it needs: `ocr`, `clipboard`, `exec`. */
  readonly capabilities: readonly string[];
  readonly timeoutMs: number;
  readonly queueMs: number;
  readonly priority: number;
  readonly retry: Program["retry"];
  readonly readonly: boolean;
  readonly inputs: Json;
  readonly outputs: Json;
  /** Steps in it, those of called workflows included. */
  readonly steps: number;
  /** Steps by what they change; loops and calls are counted by what is in them. */
  readonly effects: { readonly [effect in Effect]: number };
  readonly sendsInput: boolean;
  readonly verify?: "any" | "same-machine";
  readonly hasCleanup: boolean;
  readonly files: readonly string[];
}

export function summary(program: Program): Summary {
  const { workflow, application, requires, capabilities, timeoutMs, queueMs, priority, retry } = program;
  const { inputs, outputs, readonly, files, verify, cleanup } = program;
  const all = [...everyStep(program.steps), ...everyCalledStep(program.calls)];
  const effects = { none: 0, idempotent: 0, commit: 0 };
  let sends = false;
  for (const { does } of all) {
    if (does.is !== "action") continue;
    effects[does.effect] += 1;
    sends ||= sendsInput({ is: does.kind } as Action);
  }
  return {
    workflow,
    application,
    requires,
    capabilities,
    timeoutMs,
    queueMs,
    priority,
    retry,
    readonly,
    inputs,
    outputs,
    steps: all.length,
    effects,
    sendsInput: sends,
    ...(verify === undefined ? {} : { verify: verify.on }),
    hasCleanup: cleanup.length > 0,
    files,
  };
}
