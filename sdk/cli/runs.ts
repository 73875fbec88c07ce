// drover runs, run and cancel: what was started and how it stands.

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Command, InvalidArgumentError } from "commander";
import { CommitLabel, Outcome, ResolveAs } from "../gen/drover/v1/outcome_pb.ts";
import { type Attempt, type Run, RunSchema, RunState } from "../gen/drover/v1/run_pb.ts";
import { nameOf, type OutcomeName, type RunStateName } from "../names.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { contextLines } from "./failure-context.ts";
import { cleaned, safeJson } from "./screen-text.ts";
import { isAhead, sinceText, whenText } from "./spans.ts";
import { type Column, countsText, table } from "./table.ts";
import { wholeNumber } from "./whole-numbers.ts";

interface RunsCommandOptions {
  state?: RunStateName;
  outcome?: OutcomeName;
  workflow?: string;
  caller?: string;
  limit: number;
}

const runColumns: Column<Run>[] = [
  { title: "RUN", value: (run) => run.id },
  { title: "WORKFLOW", value: (run) => run.workflow, elastic: true },
  { title: "STATE", value: stateText },
  { title: "CALLER", value: (run) => run.caller, elastic: true, spare: "when same" },
  { title: "TIME", value: timeText },
];

/** For how long it has been waiting or running, or when it ended. */
function timeText(run: Run): string {
  const { state, createdAt, waitingSince, startedAt, endedAt, notBefore, movedToFront } = run;
  if (state === RunState.ENDED) return whenText(endedAt);
  if (state !== RunState.QUEUED && state !== RunState.UNSETTLED) return `runs ${sinceText(startedAt)}`;
  if (isAhead(notBefore)) return `due ${whenText(notBefore)}`;
  // A service of before does not tell since when it waits.
  return `${movedToFront ? "first," : "waits"} ${sinceText(waitingSince ?? createdAt)}`;
}

function summaryOf(runs: readonly Run[], more: boolean): string {
  const counts = new Map<string, number>();
  for (const word of runs.map((run) => stateText(run).toLowerCase())) counts.set(word, (counts.get(word) ?? 0) + 1);
  return `${countsText("run", runs.length, counts)}${more ? "; there are more: --limit" : ""}`;
}

export function addRuns(program: Command): Command {
  return addCommand(program, "runs", "list runs, newest first", [
    "drover runs --state running",
    "drover runs --outcome failed --workflow notes.save --limit 200 --json",
  ])
    .option("--state <state>", namesText(RunState), oneOf(RunState))
    .option("--outcome <outcome>", namesText(Outcome), oneOf(Outcome))
    .option("--workflow <name>", "only this workflow's")
    .option("--caller <owner>", "only those that this owner of a key started")
    .option("--limit <number>", "at most so many", wholeNumber(1), 50)
    .action(
      act(async (desk, { state, outcome, workflow, caller, limit }: RunsCommandOptions) => {
        const rows: Run[] = [];
        let more = false;
        for await (const run of desk.client.runs({ state, outcome, workflow, caller, signal: desk.signal })) {
          more = rows.length >= limit;
          if (more) break;
          rows.push(run);
        }
        const none = isFiltered({ state, outcome, workflow, caller })
          ? "No run fits the filter."
          : "No runs. Start one: drover start <workflow>";
        desk.list(RunSchema, rows, runColumns, none, summaryOf(rows, more));
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
    ["started", `${whenText(run.createdAt)}${run.caller === "" ? "" : ` by ${run.caller}`}`],
    ["pool", run.pool],
    ["turn", turnText(run)],
    ["ended", whenText(run.endedAt)],
    ["failure", run.failure && `${run.failure.category}: ${run.failure.message}`],
    ["at step", run.failure?.step],
    ["retry", run.failure?.retryDecision],
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

/** What a waiting run's turn depends on, besides its priority. */
function turnText({ notBefore, movedToFront }: Run): string {
  const time = notBefore && `not before ${timestampDate(notBefore).toISOString()}, ${whenText(notBefore)}`;
  return [time, movedToFront && "before all others"].filter(Boolean).join("; then ");
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

/** Then an empty list says nothing of all that there is. */
export const isFiltered = (filter: object): boolean => Object.values(filter).some((each) => each !== undefined);

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
