// One simulation from beginning to end: a database, the fleet, the judge, and a line that tells how it went.

import { type SimulationOptions, simulate } from "./fleet.ts";
import type { Ground } from "./ground.ts";
import { judge } from "./judge.ts";
import { hashOf, type SimulationRecord } from "./record.ts";
import { ledgerNature } from "./workflows.ts";

export interface Trial {
  readonly line: string;
  /** What was wrong, and last of all how to do it again; empty when nothing was. */
  readonly told: readonly string[];
  readonly hash: string;
}

export interface TrialOptions extends Omit<SimulationOptions, "databaseUrl" | "told"> {
  readonly told?: (line: string) => void;
}

export async function trial(ground: Ground, { told, ...options }: TrialOptions): Promise<Trial> {
  const kinds = (options.faults ?? []).map((kind) => ` --fault "${kind}"`).join("");
  const again = `again: npm run simulate -- --seeds 1 --runs ${options.runs} --seed ${options.seed}${kinds} --log`;
  const database = await ground.copy();
  const begunAt = performance.now();
  try {
    const { record, calls } = await simulate({
      ...{ ...options, databaseUrl: database.url },
      ...(told && {
        told: (at, who, message, fields) => told(`${at.toFixed(1)} ${who}: ${message} ${JSON.stringify(fields)}`),
      }),
    });
    if (told !== undefined) for (const entry of record.entries) told(JSON.stringify(entry));
    const findings = judge(record, ledgerNature);
    const line = `seed ${options.seed}: ${findings.length === 0 ? "good" : `${findings.length} WRONG`}; ${summary(record)}`;
    const seconds = ((performance.now() - begunAt) / 1000).toFixed(1);
    const texts = findings.map(({ at, rule, says }) => `${at.toFixed(0)} ms: ${rule}: ${says}`);
    return {
      line: `${line}; ${calls} calls in ${seconds} s`,
      told: findings.length === 0 ? [] : [...texts, again],
      hash: hashOf(record),
    };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { line: `seed ${options.seed}: BROKEN`, told: [text, again], hash: "" };
  } finally {
    await database.drop();
  }
}

function summary(record: SimulationRecord): string {
  const count = (is: string) => record.entries.filter((entry) => entry.is === is).length;
  return [
    outcomesOf(record),
    `${record.events.filter(({ kind }) => kind === "VERIFIED").length} times verified`,
    `${record.attempts.length} attempts, ${count("commit")} commits, ${count("input")} inputs`,
    `${count("fault")} faults and ${count("stopped")} stops in ${(record.endedAt / 1000).toFixed(0)} simulated seconds`,
    `log ${hashOf(record)}`,
  ].join("; ");
}

function outcomesOf({ runs }: SimulationRecord): string {
  const byOutcome = Object.groupBy(runs, (run) => run.outcome ?? run.state);
  return Object.entries(byOutcome)
    .map(([outcome, found = []]) => `${found.length} ${outcome}`)
    .sort()
    .join(", ");
}
