// One simulation from beginning to end: a database, the fleet, the judge, and a line that tells how it went.

import { type SimulationOptions, simulate } from "./fleet.ts";
import type { Ground } from "./ground.ts";
import { type Finding, judge } from "./judge.ts";
import { ledgerNature } from "./ledger.ts";
import { hashOf, type SimulationRecord } from "./record.ts";

export interface Trial {
  readonly record: SimulationRecord;
  readonly findings: readonly Finding[];
  readonly line: string;
}

export interface TrialOptions extends Omit<SimulationOptions, "databaseUrl" | "told"> {
  readonly told?: (line: string) => void;
}

export async function trial(ground: Ground, { told, ...options }: TrialOptions): Promise<Trial> {
  const database = await ground.copy();
  const begunAt = performance.now();
  const { record, calls } = await simulate({
    ...{ ...options, databaseUrl: database.url },
    ...(told && {
      told: (at, who, message, fields) => told(`${at.toFixed(1)} ${who}: ${message} ${JSON.stringify(fields)}`),
    }),
  });
  await database.drop();
  if (told !== undefined) for (const entry of record.entries) told(JSON.stringify(entry));
  const findings = judge(record, ledgerNature);
  const seconds = (performance.now() - begunAt) / 1000;
  const count = (is: string) => record.entries.filter((entry) => entry.is === is).length;
  const line = [
    `seed ${options.seed}: ${findings.length === 0 ? "good" : `${findings.length} WRONG`}`,
    `${outcomesOf(record)}; ${record.attempts.length} attempts, ${count("commit")} commits, ${count("input")} inputs`,
    `${count("fault")} faults in ${(record.endedAt / 1000).toFixed(0)} s that took ${seconds.toFixed(1)} s`,
    `${calls} calls; log ${hashOf(record)}`,
  ].join("; ");
  return { record, findings, line };
}

function outcomesOf({ runs }: SimulationRecord): string {
  const byOutcome = Object.groupBy(runs, (run) => run.outcome ?? run.state);
  return Object.entries(byOutcome)
    .map(([outcome, found = []]) => `${found.length} ${outcome}`)
    .sort()
    .join(", ");
}
