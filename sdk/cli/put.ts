// drover put: stores workflows and applications, each with the pictures that it names.

import { readFileSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import type { Command } from "commander";
import { InvalidRequest } from "../errors.ts";
import { ApplicationSchema } from "../gen/drover/v1/application_pb.ts";
import { WorkflowSchema } from "../gen/drover/v1/workflow_pb.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { cleaned } from "./screen-text.ts";

/** As the server has it. */
const pictureBytesMax = 262_144;

interface Definition {
  file: string;
  kind: "workflow" | "application";
  source: string;
  pictures: Record<string, Uint8Array>;
}

export function addPut(program: Command): Command {
  return addCommand(program, "put <file...>", "store workflows and applications from YAML files", [
    "drover put mousepad.yaml notes.save.yaml",
    "drover put --check workflows/*.yaml",
  ])
    .option("--check", "only check; store nothing")
    .addHelpText("after", "\nA *.png that a file mentions is sent with it, if it lies beside it.")
    .action(
      act(async (desk, files: string[], { check = false }: { check?: boolean }) => {
        const definitions = files.map((file) => definitionIn(file, desk));
        // Applications first: the workflows among the files may need them.
        definitions.sort((a, b) => a.kind.localeCompare(b.kind));
        for (const definition of definitions) await put(desk, definition, check);
      }),
    );
}

async function put(desk: Desk, { file, kind, source, pictures }: Definition, checkOnly: boolean): Promise<void> {
  try {
    const { client } = desk;
    const [stored, json] =
      kind === "workflow"
        ? await client
            .putWorkflow(source, pictures, { checkOnly })
            .then((it) => [it, jsonOf(WorkflowSchema, it)] as const)
        : await client
            .putApplication(source, pictures, { checkOnly })
            .then((it) => [it, jsonOf(ApplicationSchema, it)] as const);
    if (desk.json) return desk.document(json);
    desk.out(`${kind} ${cleaned(stored.name)} version ${stored.version}${checkOnly ? " (checked only)" : ""}`);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    throw new InvalidRequest(error.reason, `${file}: ${error.message}`, error.violations, { cause: error });
  }
}

function definitionIn(file: string, desk: Desk): Definition {
  const source = read(file).toString("utf8");
  // A workflow names its application as well, so the workflow's own word decides.
  const kind = ["workflow", "application"].find((word) => new RegExp(`^["']?${word}["']?\\s*:`, "m").test(source));
  if (kind !== "workflow" && kind !== "application") {
    throw new UsageError(`${file} is neither: a definition begins with "workflow: <name>" or "application: <name>".`);
  }
  const pictures: Record<string, Uint8Array> = {};
  for (const name of picturesNamed(source)) {
    // A definition from elsewhere must not make this command send other files of its reader's.
    if (isAbsolute(name) || name.split(/[\\/]/).includes("..")) {
      throw new UsageError(`${file} names the picture ${name}; pictures must lie beside the file.`);
    }
    const path = join(dirname(file), name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) {
      desk.note(`note: ${basename(file)} mentions ${name}; there is no such file beside it`);
      continue;
    }
    if (size > pictureBytesMax) {
      throw new UsageError(`${path} has ${size} bytes; a picture may have at most ${pictureBytesMax}. Crop it.`);
    }
    pictures[name] = read(path);
  }
  return { file, kind, source, pictures };
}

/** Every *.png that the text mentions, comments aside. */
export function picturesNamed(source: string): Set<string> {
  const text = source.replaceAll(/(^|\s)#.*$/gm, "$1");
  const mentions = text.matchAll(/"([^"\n]+\.png)"|'([^'\n]+\.png)'|([^\s"',:[\]{}]+\.png)\b/gi);
  return new Set(Array.from(mentions, ([, double, single, bare]) => double ?? single ?? bare ?? ""));
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
