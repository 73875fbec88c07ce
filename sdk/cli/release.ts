// drover release: releases of the agent program.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Release, ReleaseSchema } from "../gen/drover/v1/release_pb.ts";
import { all } from "../pages.ts";
import type { ReleaseWanted } from "../releases.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { cleaned } from "./screen-text.ts";
import { whenText } from "./spans.ts";

const megabytes = (bytes: bigint) => `${(Number(bytes) / 1e6).toFixed(1)} MB`;

const columns = [
  { title: "VERSION", value: (release: Release) => release.version },
  { title: "EXECUTABLE", value: (release: Release) => release.executable },
  { title: "SIZE", value: (release: Release) => megabytes(release.sizeBytes) },
  {
    title: "STATE",
    value: ({ complete, receivedBytes }: Release) => (complete ? "complete" : `${megabytes(receivedBytes)} arrived`),
  },
  { title: "ADDED", value: (release: Release) => whenText(release.createdAt) },
  { title: "SHA-256", value: (release: Release) => Buffer.from(release.sha256).toString("hex").slice(0, 16) },
];

export function addRelease(program: Command): Command[] {
  const group = program.command("release").description("add and list releases of the agent program");
  const add = addCommand(group, "add <file...>", "upload a release; broken off, it goes on where it was", [
    "drover release add drover-agent.exe drover-agent",
  ])
    .addHelpText("after", "\nBeside each file its <file>.release.json must lie, as the build of the agent wrote it.")
    .action(
      act(async (desk, files: string[]) => {
        for (const { file, wanted, content } of files.map(releaseIn)) {
          const { version, executable } = wanted;
          desk.note(`uploading ${version} for ${executable}, ${megabytes(BigInt(content.length))}, from ${file}`);
          const release = await desk.client.addRelease(wanted, content, { signal: desk.signal });
          if (desk.json) desk.document(jsonOf(ReleaseSchema, release));
          else desk.out(`release ${cleaned(release.version)} for ${cleaned(release.executable)} is complete`);
        }
      }),
    );
  const list = addCommand(group, "list", "list releases, newest first", ["drover release list"]).action(
    act(async (desk) => {
      const rows = await all(desk.client.releases());
      desk.list(ReleaseSchema, rows, columns, "No releases. Add one: drover release add drover-agent.exe");
    }),
  );
  return [add, list];
}

/** The file and what its build says of it, checked against each other before anything is sent. */
function releaseIn(file: string): { file: string; wanted: ReleaseWanted; content: Buffer } {
  const beside = `${file}.release.json`;
  const content = read(file);
  const said = fieldsIn(beside);
  const text = (name: string, form: RegExp): string => {
    const value = said[name];
    if (typeof value === "string" && form.test(value)) return value;
    throw new UsageError(`${beside} has no good "${name}". Is it what the build of the agent wrote?`);
  };
  const wanted = {
    version: text("version", /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/),
    executable: text("executable", /^(win32|linux)-x64$/),
    sha256: Buffer.from(text("sha256", /^[0-9a-f]{64}$/), "hex"),
    signature: Buffer.from(text("signature", /^[A-Za-z0-9+/]{86}==$/), "base64"),
  };
  if (said["sizeBytes"] !== content.length || !createHash("sha256").update(content).digest().equals(wanted.sha256)) {
    throw new UsageError(`${file} is not the file that ${beside} describes. Build it again, or fetch it again.`);
  }
  return { file, wanted, content };
}

function fieldsIn(file: string): Record<string, unknown> {
  const text = read(file).toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // As for anything else that is no object.
  }
  throw new UsageError(`${file} is not JSON as the build of the agent writes it.`);
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
