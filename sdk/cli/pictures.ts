// drover film and screenshot: what was on the screens, as files. They are sensitive, so only their owner may read them.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { Refused } from "../errors.ts";
import { type Artifact, ArtifactKind, ArtifactSchema } from "../gen/drover/v1/artifact_pb.ts";
import { nameOf } from "../names.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";

export function addFilm(program: Command): Command {
  return addCommand(program, "film <run>", "save the pictures and files that a run left", [
    "drover film 01980000-0000-7000-8000-000000000001 --out pictures",
  ])
    .option("--out <dir>", "where to; film-<run> without it")
    .action(
      act(async (desk, runId: string, { out = `film-${fileName(runId)}` }: { out?: string }) => {
        const artifacts = await desk.client.artifacts(runId);
        if (artifacts.length > 0) write(() => mkdirSync(out, { recursive: true, mode: 0o700 }));
        for (const [index, artifact] of artifacts.entries()) {
          const path = join(out, artifactFile(artifact, index + 1));
          const content = await desk.client.artifactContent(artifact.id).catch(ifNotKept);
          if (content === undefined) {
            desk.note(`${artifact.id} is kept no longer.`);
            continue;
          }
          write(() => writeFileSync(path, content, { mode: 0o600 }));
          if (!desk.json) desk.out(path);
          // One a line: a film may be long, and each file is there when it is told.
          else desk.document({ file: path, artifact: jsonOf(ArtifactSchema, artifact) });
        }
        if (artifacts.length === 0) desk.note("The run left no artifacts, or their retention has ended.");
      }),
    );
}

export function addScreenshot(program: Command): Command {
  return addCommand(program, "screenshot <machine>", "save a machine's latest screenshot", [
    "drover screenshot vm-1 --out vm-1.png",
    "drover screenshot vm-1 --out - | display",
  ])
    .option("--out <file>", "where to; <machine>.png without it, - for stdout")
    .action(
      act(async (desk, machine: string, { out = `${fileName(machine)}.png` }: { out?: string }) => {
        const png = await desk.client.screenshot(machine);
        if (out === "-") return void process.stdout.write(png);
        write(() => writeFileSync(out, png, { mode: 0o600 }));
        if (desk.json) desk.document({ file: out, bytes: png.length });
        else desk.out(out);
      }),
    );
}

/** Nothing, of an artifact that was deleted since it was listed. */
function ifNotKept(error: unknown): undefined {
  if (error instanceof Refused && error.reason === "ARTIFACT_NOT_FOUND") return undefined;
  throw error;
}

/** Sorts as the run went: 001-attempt-1-save-frame.png. */
function artifactFile(artifact: Artifact, number: number): string {
  const kind = nameOf(ArtifactKind, artifact.kind)?.toLowerCase() ?? "file";
  const parts = [String(number).padStart(3, "0"), `attempt-${artifact.attempt}`, fileName(artifact.step), kind];
  const type = /^\w+\/([a-z0-9]{1,8})$/.exec(artifact.contentType)?.[1] ?? "bin";
  return `${parts.filter(Boolean).join("-")}.${type}`;
}

/** A name from elsewhere as a part of a file's name: it must not lead anywhere else. */
function fileName(text: string): string {
  return text
    .replaceAll(/[^a-zA-Z0-9._-]+/g, "_")
    .replace(/^[._]+/, "")
    .slice(0, 80);
}

function write(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new UsageError(`Cannot write: ${error instanceof Error ? error.message : error}. Choose another --out.`);
  }
}
