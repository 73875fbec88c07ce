// What the demo tells at its end: outcomes, checks, and where to look.

import { type Column, table } from "../../sdk/cli/table.ts";
import type { Check } from "./checks.ts";
import type { RunReport } from "./runs.ts";
import type { DemoServer } from "./server.ts";

export interface DemoReport {
  readonly ok: boolean;
  readonly machines: readonly string[];
  readonly runs: readonly RunReport[];
  /** Of all runs together. */
  readonly checks: readonly Check[];
}

/** Machines that are alike, and the runs that they did. */
export interface Fleet {
  /** Such as `machines`. */
  readonly called: string;
  readonly machines: readonly string[];
  readonly runs: readonly RunReport[];
}

export function reportOf(fleets: readonly Fleet[]): DemoReport {
  const runs = fleets.flatMap((fleet) => fleet.runs);
  const checks = fleets.flatMap(checksOf);
  const all = [...checks, ...runs.flatMap((run) => run.checks)];
  return { ok: all.every(({ held }) => held), machines: fleets.flatMap(({ machines }) => machines), runs, checks };
}

function checksOf({ called, machines, runs }: Fleet): Check[] {
  const used = new Set(runs.map(({ machine }) => machine).filter((name) => name !== ""));
  const wanted = Math.min(machines.length, runs.length);
  const waited = runs.filter(({ waitedMs }) => waitedMs > queuedMs).length;
  const done = { what: `${wanted} ${called} did the ${runs.length} runs`, held: used.size === wanted };
  if (runs.length <= machines.length) return [done];
  const left = runs.length - machines.length;
  return [done, { what: `runs that found none of the ${called} free waited in the queue`, held: waited >= left }];
}

/** Placing takes some milliseconds; a run that waited longer than this waited for a machine. */
const queuedMs = 500;

const columns: Column<RunReport>[] = [
  { title: "WORKFLOW", value: ({ workflow }) => workflow },
  { title: "OUTCOME", value: ({ outcome }) => outcome },
  { title: "MACHINE", value: ({ machine }) => machine },
  { title: "READY", value: ({ verdict }) => verdict },
  { title: "WAITED", value: ({ waitedMs }) => seconds(waitedMs) },
  { title: "TOOK", value: ({ tookMs }) => seconds(tookMs) },
  { title: "FILM", value: ({ filmFrames }) => `${filmFrames} frames` },
  { title: "ID", value: ({ id }) => id },
];

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function reportText({ ok, runs, checks }: DemoReport, width: number): string {
  const failures = runs.flatMap(({ id, failure }) => (failure === undefined ? [] : [`  ${id}: ${failure}`]));
  const results = runs.flatMap((run) => run.checks.slice(-1));
  const broken = runs.flatMap((run) => run.checks.slice(0, -1)).filter(({ held }) => !held);
  return [
    "",
    ...table(columns, runs, width),
    "",
    ...[...checks, ...results, ...broken].map(({ what, held }) => `  ${held ? "held  " : "BROKEN"} ${what}`),
    ...(failures.length > 0 ? ["", "Failures:", ...failures] : []),
    "",
    ok ? "Every check held." : "Not every check held.",
  ].join("\n");
}

/** As one JSON document. Where the films are is told only while they are there: --once removes them with the rest. */
export function reportJson(report: DemoReport, { once }: { readonly once: boolean }): string {
  const runs = once ? report.runs.map(({ film: _removed, ...run }) => run) : report.runs;
  return JSON.stringify({ ...report, runs }, null, 2);
}

/** Good for as long as the demo is up. */
export function whereToLook({ apiUrl, keyFile }: DemoServer, { runs, machines }: DemoReport, root: string): string {
  const [first] = runs;
  const last = machines.at(-1) ?? "";
  const cli = (words: string) => `  npm run --silent drover -- ${words} --server ${apiUrl} --key-file ${keyFile}`;
  const call = (words: string) =>
    `  grpcurl -plaintext -H "authorization: Bearer $(cat ${keyFile})" ${words.replace("@", new URL(apiUrl).host)}`;
  return [
    "",
    "Where to look, while the demo is up:",
    `  ${root}/films: the film strip of each run; ${root}/*.log: what server and machines said`,
    cli("machines"),
    cli("runs"),
    ...(first === undefined ? [] : [cli(`run ${first.id}`)]),
    cli("start sums.multiply --input left:=12 --input right:=34"),
    cli(`screenshot ${last} --out ${last}.png`),
    call("@ list"),
    call("-d '{}' @ drover.v1.RunService/ListRuns"),
    "",
    "Ctrl-C ends everything and leaves nothing behind.",
  ].join("\n");
}
