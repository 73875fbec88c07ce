// Starts the planned runs as a caller would, through the SDK, and follows each of them to its end.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Artifact,
  ArtifactKind,
  type DroverClient,
  nameOf,
  Outcome,
  type Outputs,
  type RunHandle,
} from "../../sdk/index.ts";
import type { Check } from "./checks.ts";
import type { PlannedRun } from "./plan.ts";
import type { Progress } from "./progress.ts";

/** What became of one run. */
export interface RunReport {
  readonly id: string;
  readonly workflow: string;
  readonly outcome: string;
  readonly machine: string;
  readonly attempts: number;
  /** The readiness proof's, of the last attempt. */
  readonly verdict: string;
  /** How long it waited for a machine, and how long it took from then on. */
  readonly waitedMs: number;
  readonly tookMs: number;
  readonly filmFrames: number;
  /** The folder with its film strip. */
  readonly film: string;
  readonly failure?: string;
  readonly checks: readonly Check[];
}

/** Pictures are sent behind the results: a film is whole when nothing was added for a while. */
const filmSettlesMs = 750;
const filmWithinMs = 10_000;

export async function doRuns(
  client: DroverClient,
  plan: readonly PlannedRun[],
  filmFolder: string,
  progress: Progress,
): Promise<RunReport[]> {
  const started = await client.startMany(plan.map(({ workflow, inputs }) => ({ workflow, inputs })));
  return Promise.all(
    plan.map((planned, index) => {
      const result = started[index];
      if (result === undefined || !("started" in result)) {
        throw new Error(`run ${index + 1} was refused: ${result?.refused.message}`);
      }
      return follow(client, planned, result.started, join(filmFolder, `run-${index + 1}`), (change) =>
        progress.changed(index, change),
      );
    }),
  );
}

async function follow(
  client: DroverClient,
  planned: PlannedRun,
  handle: RunHandle,
  film: string,
  changed: (change: Parameters<Progress["changed"]>[1]) => void,
): Promise<RunReport> {
  const at = { queued: 0, placed: 0, ended: 0 };
  let outputs: Outputs = {};
  for await (const event of handle) {
    const time = event.at.getTime();
    if (event.kind === "QUEUED") at.queued = time;
    if (event.kind === "PLACED" && at.placed === 0) at.placed = time;
    if (event.kind === "ENDED") {
      at.ended = time;
      outputs = event.outputs ?? {};
    }
    changed(event);
  }
  const run = await handle.refresh();
  const last = run.attempts.at(-1);
  const outcome = nameOf(Outcome, run.outcome) ?? "";
  const verdict = last?.proof?.verdict ?? "";
  const filmFrames = await saveFilm(client, handle.id, film);
  const { failure } = run;
  const checks: Check[] = [
    { what: "the run SUCCEEDED", held: outcome === "SUCCEEDED" },
    { what: "a readiness proof with the verdict READY was kept", held: verdict === "READY" },
    { what: "a film strip was kept", held: filmFrames > 0 },
    planned.check(outputs),
  ];
  return {
    id: handle.id,
    workflow: planned.workflow,
    outcome,
    machine: last?.machineName ?? "",
    attempts: run.attempts.length,
    verdict,
    waitedMs: (at.placed || at.ended) - at.queued,
    tookMs: at.ended - (at.placed || at.ended),
    filmFrames,
    film,
    ...(failure === undefined ? {} : { failure: `${failure.category} at ${failure.step}: ${failure.message}` }),
    checks,
  };
}

/** Saves the pictures as files, in the order of the run; returns how many frames of the film strip there are. */
async function saveFilm(client: DroverClient, runId: string, folder: string): Promise<number> {
  const artifacts = (await settledArtifacts(client, runId)).sort(
    (a, b) => a.attempt - b.attempt || a.commandNumber - b.commandNumber,
  );
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [index, { id, step, kind }] of artifacts.entries()) {
    const name = [
      String(index + 1).padStart(3, "0"),
      step.replaceAll(/[^\w.-]+/g, "_"),
      nameOf(ArtifactKind, kind)?.toLowerCase(),
    ];
    const file = `${name.filter(Boolean).join("-")}.png`;
    writeFileSync(join(folder, file), await client.artifactContent(id), { mode: 0o600 });
  }
  return artifacts.filter(({ kind }) => kind === ArtifactKind.FRAME).length;
}

async function settledArtifacts(client: DroverClient, runId: string): Promise<Artifact[]> {
  const deadline = performance.now() + filmWithinMs;
  let seen = await client.artifacts(runId);
  for (let since = performance.now(); performance.now() < deadline; ) {
    if (seen.length > 0 && performance.now() - since > filmSettlesMs) break;
    await delay(100);
    const now = await client.artifacts(runId);
    if (now.length !== seen.length) since = performance.now();
    seen = now;
  }
  return seen;
}
