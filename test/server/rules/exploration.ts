// Every run that there can be, with its attempt: what is reached from a new one by all that can happen, in any order, at once or
// after a long time. Runs that differ in nothing but numbers and times are one.

import { advance } from "../../../server/rules/advance.ts";
import type { Attempt, Ending } from "../../../server/rules/attempt.ts";
import type { RunHappening } from "../../../server/rules/happening.ts";
import type { AttemptId, Instant } from "../../../server/rules/names.ts";
import { type Resolution, type Run, resolveAs } from "../../../server/rules/run.ts";
import { beginRun } from "../../../server/rules/run-beginning.ts";
import { advanceUpkeep, beginUpkeep } from "../../../server/rules/upkeep.ts";
import { attemptOf, command, type FakeWorkflow, fakeInterpreter, live, now, result, runOf } from "./fakes.ts";
import { happenings } from "./happenings.ts";

/** From where to where, and by what. What stays where it is, is no edge. */
export class Edges {
  readonly #found = new Map<string, Set<string>>();

  add(from: string, to: string, by: string): void {
    if (from === to) return;
    const edge = `${from} --> ${to}`;
    this.#found.set(edge, (this.#found.get(edge) ?? new Set()).add(by));
  }

  /** A line each, as a diagram has them, in the order of the alphabet. */
  get lines(): string[] {
    return [...this.#found].map(([edge, by]) => `${edge}: ${[...by].sort().join(", ")}`).sort();
  }
}

const workflows: readonly FakeWorkflow[] = [
  { steps: [command("open"), command("save", "commit")] },
  {
    steps: [command("save", "commit")],
    cleanup: [command("close")],
    retries: 1,
    retryDelayMs: 100,
    launch: true,
    verify: "any",
  },
];

const categories = ["MACHINE_LOST", "FROZEN", "ASSERTION_FAILED"] as const;

/** All that can happen to an attempt at this command. */
function all(number: number): RunHappening[] {
  const failures = categories.flatMap((category) =>
    (["none", "some"] as const).map((input) => result(number, { input, failure: { category, message: "" } })),
  );
  const proofs = (["READY", "NO_SURFACE", "APP_NOT_RUNNING", "FROZEN"] as const).map((verdict) => {
    const proof = { verdict, evidence: [], screen: { width: 1, height: 1 } };
    return result(number, { input: "none", proof });
  });
  const resolutions = resolveAs.map((as): Resolution => ({ ...happenings.resolved.resolution, as }));
  return [
    ...[result(number), ...failures, ...proofs].map((each) => ({ is: "result", result: each }) as const),
    ...resolutions.map((resolution) => ({ is: "resolved", resolution }) as const),
    ...Object.values(happenings).filter(({ is }) => is !== "result" && is !== "resolved"),
  ];
}

interface Node {
  readonly run: Run;
  readonly attempt: Attempt | undefined;
  readonly at: Instant;
}

const endingOf = (ending: Ending | undefined): string =>
  ending?.is === "failed" ? ending.failure.category : ending?.is === "verified" ? `${ending.held}` : (ending?.is ?? "");

/** What tells one from another. */
function keyOf({ run, attempt, at }: Node): string {
  const { state, unsettled } = run;
  const { phase, purpose, progress, commitLabel, repairs, proof } = attempt ?? {};
  const inTime = state.is === "ended" ? state.outcome : state.deadlineAt - at > 20_000;
  return JSON.stringify([
    ...[state.is, inTime, endingOf(unsettled?.ending), unsettled?.cancelled, (unsettled?.commitsBegun ?? 0) > 1],
    ...[phase, purpose, progress, endingOf(attempt?.ending), commitLabel, repairs, proof?.verdict === "READY"],
    ...[attempt?.held !== undefined, (attempt?.commitsBegun ?? 0) > 1],
  ]);
}

/** At once; when a command is overdue; when everything is. */
const laterMs = [1, 7_000, 3_600_000];

const begin = (attempt: Partial<Attempt>, at: Instant): Attempt => {
  const { proof: _, ...fresh } = attemptOf({ phase: "proving", commandNumber: 1, ...attempt });
  return { ...fresh, outstanding: { spec: command("prove", "none", false), deadlineAt: at + 5_000 } };
};

/** The edges between the states of a run, and between the phases of its attempts. */
export function exploreRuns(): { readonly runs: Edges; readonly attempts: Edges } {
  const runs = new Edges();
  const attempts = new Edges();
  for (const workflow of workflows) {
    const { runDeadlineAt: _, ...fresh } = runOf("queued", { timeoutMs: 60_000, queueTimeoutMs: 60_000 });
    const first: Run = { ...fresh, state: { is: "queued", deadlineAt: now + 60_000 } };
    const open: Node[] = [{ run: first, attempt: undefined, at: now }];
    const seen = new Set(open.map(keyOf));
    const reach = (node: Node) => {
      const key = keyOf(node);
      if (!seen.has(key)) open.push(node);
      seen.add(key);
    };
    for (let node = open.shift(); node !== undefined; node = open.shift()) {
      const { run, attempt } = node;
      const alive = attempt && live(attempt, workflow);
      const happens = all(attempt?.commandNumber ?? 1);
      for (const at of laterMs.map((ms) => node.at + ms)) {
        const begun = beginRun(run, "a1" as AttemptId, at);
        if (begun !== undefined) {
          runs.add(run.state.is, begun.run.state.is, "placed");
          reach({ run: begun.run, attempt: begin({ purpose: begun.purpose }, at), at });
        }
        for (const happening of happens) {
          const change = advance(run, alive, happening, at);
          if (change === undefined) continue;
          runs.add(run.state.is, change.run.state.is, happening.is);
          const after = change.attempt;
          if (attempt !== undefined && after !== undefined) attempts.add(attempt.phase, after.phase, happening.is);
          reach({ run: change.run, attempt: after?.phase === "ended" ? undefined : after, at });
        }
      }
    }
  }
  return { runs, attempts };
}

/** The edges between the phases of an attempt that cleans up, with where it begins. */
export function exploreUpkeep(): { readonly begun: string[]; readonly edges: Edges } {
  const edges = new Edges();
  const interpreter = fakeInterpreter({ steps: [], cleanup: [command("close"), command("clear")] });
  const begun = [undefined, "FROZEN" as const].map((left) => beginUpkeep(interpreter, left).phase);
  const open = begun.map((phase) => ({ attempt: begin({ purpose: "upkeep", phase }, now), at: now }));
  const seen = new Set<string>();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { attempt } = node;
    const key = JSON.stringify([attempt.phase, attempt.progress]);
    if (seen.has(key)) continue;
    seen.add(key);
    for (const at of laterMs.map((ms) => node.at + ms)) {
      for (const happening of all(attempt.commandNumber)) {
        const after = advanceUpkeep(attempt, interpreter, happening, at)?.attempt;
        if (after === undefined) continue;
        edges.add(attempt.phase, after.phase, happening.is);
        if (after.phase !== "ended") open.push({ attempt: after, at });
      }
    }
  }
  return { begun, edges };
}
