// drover runs, run and cancel: what was started and how it stands.

import { type Command, InvalidArgumentError } from "commander";
import { CommitLabel, Outcome, ResolveAs } from "../gen/drover/v1/outcome_pb.ts";
import { type Attempt, type Run, RunSchema, RunState } from "../gen/drover/v1/run_pb.ts";
import { nameOf, type OutcomeName, type RunStateName } from "../names.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { contextLines } from "./failure-context.ts";
import { cleaned, safeJson } from "./screen-text.ts";
import { whenText } from "./spans.ts";
import { type Column, table } from "./table.ts";
import { wholeNumber } from "./whole-numbers.ts";

interface RunsCommandOptions {
  state?: RunStateName;
  outcome?: OutcomeName;
  workflow?: string;
  limit: number;
}

const runColumns: Column<Run>[] = [
  { title: "RUN", value: (run) => run.id },
  { title: "WORKFLOW", value: (run) => run.workflow, elastic: true },
  { title: "STATE", value: stateText },
  { title: "STARTED", value: (run) => whenText(run.createdAt) },
];

export function addRuns(program: Command): Command {
  return addCommand(program, "runs", "list runs, newest first", [
    "drover runs --state running",
    "drover runs --outcome failed --workflow notes.save --limit 200 --json",
  ])
    .option("--state <state>", namesText(RunState), oneOf(RunState))
    .option("--outcome <outcome>", namesText(Outcome), oneOf(Outcome))
    .option("--workflow <name>", "only this workflow's")
    .option("--limit <number>", "at most so many", wholeNumber(1), 50)
    .action(
      act(async (desk, { state, outcome, workflow, limit }: RunsCommandOptions) => {
        const rows: Run[] = [];
        for await (const run of desk.client.runs({ state, outcome, workflow, signal: desk.signal })) {
          if (rows.length >= limit) break;
          rows.push(run);
        }
        desk.list(RunSchema, rows, runColumns, "No runs. Start one: drover start <workflow>");
      }),
    );
}

export function addRun(program: Command): Command {
  return addCommand(program, "run <id>", "show one run with its attempts", [
    "drover run 01980000-0000-7000-8000-000000000001",
  ]).action(act(async (desk, id: string) => show(desk, await desk.client.run(id).refresh({ signal: desk.signal }))));
}

export function addCancel(program: Command): Command {
  return addCommand(program, "cancel <id>", "ask for a run to be stopped", [
    "drover cancel 01980000-0000-7000-8000-000000000001",
  ]).action(
    act(async (desk, id: string) => {
      const run = await desk.client.run(id).cancel({ signal: desk.signal });
      if (desk.json) return desk.document(jsonOf(RunSchema, run));
      desk.out(`run ${cleaned(run.id)} is ${stateText(run)}`);
    }),
  );
}

const attemptColumns: Column<Attempt>[] = [
  { title: "ATTEMPT", value: (attempt) => String(attempt.number) },
  { title: "MACHINE", value: (attempt) => attempt.machineName, elastic: true },
  { title: "READY", value: (attempt) => attempt.proof?.verdict ?? "" },
  { title: "STEPS", value: (attempt) => String(attempt.stepsDone) },
  { title: "COMMIT", value: (attempt) => nameOf(CommitLabel, attempt.commitLabel) ?? "" },
  { title: "FAILURE", value: (attempt) => attempt.failure?.category ?? "", elastic: true },
];

function show(desk: Desk, run: Run): void {
  if (desk.json) desk.document(jsonOf(RunSchema, run));
  else showText(desk, run);
}

function showText(desk: Desk, run: Run): void {
  const commitLabel = nameOf(CommitLabel, run.commitLabel);
  const facts: [string, string | undefined][] = [
    ["run", run.id],
    ["workflow", `${run.workflow} version ${run.workflowVersion}`],
    ["state", `${stateText(run)}${commitLabel === undefined ? "" : ` (${commitLabel})`}`],
    ["started", whenText(run.createdAt)],
    ["ended", whenText(run.endedAt)],
    ["failure", run.failure && `${run.failure.category}: ${run.failure.message}`],
    ["at step", run.failure?.step],
    ["retry", run.failure?.retryDecision],
    ["next try", whenText(run.notBefore)],
    ["settled", resolutionText(run)],
    ["inputs", run.inputs && safeJson(run.inputs)],
    ["outputs", run.outputs && safeJson(run.outputs)],
  ];
  for (const [title, value] of facts) if (value) desk.out(`${title.padEnd(10)}${cleaned(value)}`);
  if (run.attempts.length > 0) desk.out("");
  const width = process.stdout.columns ?? 80;
  if (run.attempts.length > 0) for (const line of table(attemptColumns, run.attempts, width)) desk.out(line);
  const context = run.failureContext === undefined ? [] : contextLines(run.failureContext, run.id, width);
  for (const line of context.length > 0 ? ["", ...context] : []) desk.out(line);
}

function resolutionText({ resolution }: Run): string | undefined {
  if (resolution === undefined) return undefined;
  const { resolvedAs, by, at, note } = resolution;
  return `${nameOf(ResolveAs, resolvedAs) ?? ""} by ${by} ${whenText(at)}${note === "" ? "" : `: ${note}`}`;
}

/** The outcome once there is one, the state until then. */
export function stateText(run: Run): string {
  return nameOf(Outcome, run.outcome) ?? nameOf(RunState, run.state) ?? "";
}

function namesText(values: Record<string, number>): string {
  return namesIn(values).join(", ").toLowerCase();
}

/** One of an enum's words, in whatever case; for options. */
export function oneOf<Enum extends Record<string, number>>(values: Enum) {
  return (text: string): keyof Enum => {
    const name = text.toUpperCase();
    if (namesIn(values).includes(name)) return name;
    throw new InvalidArgumentError(`It must be one of ${namesText(values)}.`);
  };
}

function namesIn(values: Record<string, number>): string[] {
  return Object.keys(values).filter((name) => name !== "UNSPECIFIED");
}
