// Executables of Node with room for a blob, and none in it yet. Making room takes far longer than everything else that the
// build does, and depends on nothing that changes often: the result is kept, and the blob of each build is put into a copy.

import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { kept } from "./kept.ts";
import { partDigest, partFor } from "./parts.ts";
import { BuildRefused, type Platform } from "./platforms.ts";
import { run } from "./programs.ts";
import { unsigned } from "./unsigned.ts";

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/drover-agent-hollow");
const injector = join(root, "deploy/agent-build/inject.ts");
/** What a kept one depends on, beside the parts. */
const recipe = [import.meta.filename, injector, join(root, "deploy/agent-build/unsigned.ts")];
/** A room is so many bytes, or a multiple, so that it serves the next blob too. */
const roomStepBytes = 1024 * 1024;
const mark = Buffer.from("drover-agent: room for a blob\n");

/** An executable with this blob in it. Node reads a blob from its beginning, and ignores what lies behind its end. */
export async function filled(platform: Platform, blob: Buffer, say: (line: string) => void): Promise<Buffer> {
  const roomBytes = Math.ceil(blob.length / roomStepBytes) * roomStepBytes;
  const executable = await hollow(platform, roomBytes, say);
  const at = executable.indexOf(mark);
  if (at < 0 || executable.indexOf(mark, at + 1) >= 0) throw new Error("the executable has no single room for a blob");
  executable.fill(0, at, at + roomBytes);
  blob.copy(executable, at);
  return executable;
}

function hollow(platform: Platform, roomBytes: number, say: (line: string) => void): Promise<Buffer> {
  const made = createHash("sha256")
    .update(`${partDigest("node", platform)} ${roomBytes}\n`)
    .update(Buffer.concat(recipe.map((file) => readFileSync(file))))
    .update(readFileSync(join(root, "node_modules/postject/package.json")));
  const name = `${platform}-${made.digest("hex").slice(0, 32)}`;
  return kept(join(cache, name), () => withRoom(platform, roomBytes, say));
}

async function withRoom(platform: Platform, roomBytes: number, say: (line: string) => void): Promise<Buffer> {
  const node = await partFor("node", platform, say);
  say(`making room in Node for ${platform}`);
  mkdirSync(cache, { recursive: true });
  const unfinished = join(cache, `.${randomUUID()}`);
  const room = `${unfinished}.room`;
  try {
    writeFileSync(unfinished, platform === "win32-x64" ? unsigned(node) : node);
    if (platform === "linux-x64") await strip(unfinished);
    writeFileSync(room, Buffer.concat([mark], roomBytes));
    await run(process.execPath, ["--disable-warning=ExperimentalWarning", injector, unfinished, room]);
    return readFileSync(unfinished);
  } finally {
    for (const file of [unfinished, room]) rmSync(file, { force: true });
  }
}

/** Takes the names of Node's own functions off: 17 MB that nobody reads. */
async function strip(file: string): Promise<void> {
  try {
    await run("strip", [file]);
  } catch (error) {
    throw new BuildRefused(`strip (package binutils) cannot work on Node: ${(error as Error).message}`);
  }
}
