// A commit takes hold once, and the labels of run and attempt tell the truth about it, also where `verify` steps have settled
// it (G4). UNKNOWN is for what nobody could find out.

import type { RunFact, SimulationRecord } from "../record.ts";
import { type Find, type Nature, roundingMs } from "./finding.ts";
import { byKey, type Entries, entriesOf } from "./reading.ts";

export function judgeCommits(record: SimulationRecord, nature: Nature, find: Find): void {
  const entered = entriesOf(record, "commit");
  const commits = byKey(entered, (commit) => commit.order);
  const runs = byKey(record.runs, (run) => run.order);
  for (const order of new Set([...commits.keys(), ...runs.keys()])) {
    const found = commits.get(order) ?? [];
    const [run] = runs.get(order) ?? [];
    if (run === undefined) find("wrong label", found[0]?.at ?? 0, `${order} was entered, and nobody asked for it`);
    else judgeRun(run, found, nature, find);
  }
  const attempts = new Map(record.attempts.map((attempt) => [attempt.id, attempt]));
  const workflows = new Map(record.runs.map((run) => [run.id, run.workflow]));
  for (const { at, attempt, order } of entered) {
    const { label, run = "" } = attempts.get(attempt) ?? {};
    if (nature.repeatable.has(workflows.get(run) ?? "") || label !== "BEFORE_COMMIT") continue;
    find("wrong label", at, `attempt ${attempt} entered ${order} and is BEFORE_COMMIT`);
  }
}

function judgeRun(run: RunFact, found: readonly Entries<"commit">[], nature: Nature, find: Find): void {
  const at = found.at(-1)?.at ?? run.endedAt ?? 0;
  const repeatable = nature.repeatable.has(run.workflow);
  if (found.length > 1 && !repeatable) {
    find("double commit", at, `${run.order} was entered ${found.length} times, by ${found.map((c) => c.machine)}`);
  }
  const wrong = (what: string) =>
    find("wrong label", at, `${run.order} (${run.outcome} ${run.label}) ${what}: run ${run.id}`);
  const believed = nature.unchecked.has(run.workflow);
  if (found.length === 0 && !believed) {
    if (run.outcome === "SUCCEEDED") wrong("was not entered");
    if (run.label === "AFTER_COMMIT") wrong("was not entered");
  }
  if (found.length > 0 && run.label === "BEFORE_COMMIT" && !repeatable) wrong("was entered");
}

/** What verify steps found out is so, and a run that they could have settled is UNKNOWN only if they were not let. */
export function judgeSettling(record: SimulationRecord, nature: Nature, find: Find): void {
  const runs = new Map(record.runs.map((run) => [run.id, run]));
  const commits = byKey(entriesOf(record, "commit"), (commit) => commit.order);
  const attempts = byKey(record.attempts, (attempt) => attempt.run);
  for (const { run: id, kind, at, verification } of record.events) {
    const run = runs.get(id);
    if (kind !== "VERIFIED" || run === undefined) continue;
    const before = attempts.get(id)?.filter(({ startedAt }) => startedAt <= at) ?? [];
    const entered = commits.get(run.order)?.filter(({ attempt }) => before.some((tried) => tried.id === attempt)) ?? [];
    if (verification === "HELD" && !entered.some((commit) => commit.at <= at + roundingMs)) {
      find("wrong label", at, `verify found that ${run.order} was entered, and it was not: run ${id}`);
    }
    if (verification === "NOT_HELD" && entered.length > 0) {
      find("wrong label", at, `verify found that ${run.order} was not entered, and it was: run ${id}`);
    }
  }
  judgeUnknown(record, nature, find);
}

function judgeUnknown(record: SimulationRecord, nature: Nature, find: Find): void {
  const events = byKey(record.events, (event) => event.run);
  const attempts = byKey(record.attempts, (attempt) => attempt.run);
  for (const { id, workflow, outcome, endedAt } of record.runs) {
    if (outcome !== "UNKNOWN" || endedAt === null) continue;
    const told = events.get(id) ?? [];
    if (!attempts.get(id)?.some(({ label }) => label === "UNKNOWN")) {
      find("wrong label", endedAt, `run ${id} is UNKNOWN, and none of its attempts is`);
    }
    const verify = nature.verified.get(workflow);
    if (verify === undefined || told.some(({ kind }) => kind === "CANCEL_REQUESTED")) continue;
    const since = told.findLast(({ kind }, index) => kind === "UNSETTLED" && told[index - 1]?.kind !== "VERIFIED")?.at;
    if (since !== undefined && endedAt - since >= verify.withinMs - roundingMs) continue;
    find("wrong label", endedAt, `run ${id} is UNKNOWN, and there was time left to find out`);
  }
}
