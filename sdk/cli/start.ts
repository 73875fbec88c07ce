// drover start: starts a run and, unless told otherwise, waits for what it finds.

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { RunSchema } from "../gen/drover/v1/run_pb.ts";
import type { Inputs } from "../names.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { follow } from "./follow.ts";
import { momentAt, spanMs } from "./spans.ts";
import { versionMax, wholeNumber } from "./whole-numbers.ts";

interface StartCommandOptions {
  input: Inputs;
  inputs?: string;
  detach?: boolean;
  idempotencyKey?: string;
  priority?: number;
  queueTimeout?: number;
  timeout?: number;
  notBefore?: Date;
  workflowVersion?: number;
}

export function addStart(program: Command): Command {
  return addCommand(program, "start <workflow>", "start a run and wait for what it finds", [
    "drover start notes.save --input path=/tmp/a.txt --input text=hello",
    "drover start ehr.create-patient --inputs patient.json --idempotency-key order-7",
    "drover start ehr.count --input limit:=10 --json | jq .outputs",
  ])
    .option("-i, --input <name=value>", "an input as text, or as JSON with name:=json; may be repeated", addInput, {})
    .option("--inputs <file>", "the inputs as a JSON object; - reads them from stdin")
    .option("--detach", "do not wait; print the run's id")
    .option("--idempotency-key <text>", "the same key gives the same run, however often this is called")
    .option("--priority <number>", "higher goes first, -100 to 100", wholeNumber(-100, 100))
    .option("--not-before <time>", "not to begin before then, like +2h or 2026-03-01T06:00Z", momentAt)
    .option("--queue-timeout <span>", "how long it may wait for a machine, like 10m", spanMs)
    .option("--timeout <span>", "how long it may take once it has one, like 2m", spanMs)
    .option("--workflow-version <number>", "a version other than the latest", wholeNumber(1, versionMax))
    .addHelpText(
      "after",
      "\nEvents go to stderr and the outputs to stdout. With --json, stdout is the run when it has ended.",
    )
    .action(
      act(async (desk, workflow: string, options: StartCommandOptions) => {
        const { idempotencyKey, priority, queueTimeout, timeout, notBefore, workflowVersion } = options;
        const inputs = { ...fileInputs(options.inputs), ...options.input };
        const run = await desk.client.start(workflow, inputs, {
          idempotencyKey,
          priority,
          queueTimeoutMs: queueTimeout,
          timeoutMs: timeout,
          notBefore,
          version: workflowVersion,
          signal: desk.signal,
        });
        if (run.unmet !== "") desk.note(`warning: ${run.unmet}; the run waits for one`);
        if (options.detach) return desk.json ? desk.document(jsonOf(RunSchema, await run.refresh())) : desk.out(run.id);
        desk.note(`run ${run.id}${notBefore === undefined ? "" : `, not before ${notBefore.toISOString()}`}`);
        const ended = follow(desk, run, process.stderr);
        if (!desk.json) return desk.document(await ended);
        try {
          await ended;
        } finally {
          // Only an ended run is the product; an interrupted wait is not.
          if (!desk.signal.aborted) desk.document(jsonOf(RunSchema, await run.refresh()));
        }
      }),
    );
}

function addInput(text: string, inputs: Inputs): Inputs {
  const [, name, json, value = ""] = /^([^=]+?)(:?)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Write it as name=value, or name:=json.");
  if (Object.hasOwn(inputs, name)) throw new InvalidArgumentError(`The input ${name} is given twice.`);
  try {
    return { ...inputs, [name]: json === ":" ? JSON.parse(value) : value };
  } catch {
    throw new InvalidArgumentError(`What follows ${name}:= is no JSON.`);
  }
}

function fileInputs(file: string | undefined): Inputs {
  if (file === undefined) return {};
  const where = file === "-" ? "stdin" : file;
  try {
    const value: unknown = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Inputs;
  } catch (error) {
    throw new UsageError(`The inputs in ${where} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  throw new UsageError(`The inputs in ${where} must be a JSON object, like {"text": "hello"}.`);
}
