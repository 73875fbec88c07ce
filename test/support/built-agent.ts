// The agent's executables for tests, built once per test run by whichever test file comes first.
//
// The slow part is done once for one state of the sources: it is kept below node_modules/.cache under a digest of all that
// goes in. Versions and release keys are written into copies, which takes less than a second each.

import { createHash, type KeyObject, randomUUID } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../agent/package.json" with { type: "json" };
import { gatherIngredients, makeExecutables } from "../../deploy/agent-build/executables.ts";
import { fileNames, type Platform, platforms } from "../../deploy/agent-build/platforms.ts";
import { describe, labelled, type Release, replaceFile, signed } from "../../deploy/agent-build/release.ts";
import { until } from "../agent/desktop/until.ts";

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/drover-agent-executables");
const keptMax = 3;
const madeWithinMs = 180_000;
let own: string | undefined;
let unlabelled: Promise<string> | undefined;

export interface BuiltAgent {
  /** The executable's path. */
  readonly path: string;
  /** What the build says of it; there is a signature only with a release key. */
  readonly release: Release;
}

/** An executable of this version; with a key it can be updated to what is signed with that, and is signed with it. */
export async function builtAgent(
  platform: Platform,
  { version = manifest.version, releaseKey }: { readonly version?: string; readonly releaseKey?: KeyObject } = {},
): Promise<BuiltAgent> {
  unlabelled ??= unlabelledOfThisRun();
  const executable = labelled(readFileSync(join(await unlabelled, fileNames[platform])), version, releaseKey);
  const made = describe(executable, version, platform);
  const release = releaseKey === undefined ? { ...made, signature: "" } : signed(made, releaseKey);
  const home = join(folder(), `agent-${made.sha256.slice(0, 16)}`);
  const path = join(home, fileNames[platform]);
  mkdirSync(home, { recursive: true });
  if (!existsSync(path)) replaceFile(path, executable, 0o755);
  return { path, release };
}

/** The folder of this test run: the runner's, or one that ends with this process. */
function folder(): string {
  const shared = process.env["DROVER_TEST_DIRECTORY"];
  if (shared !== undefined) return shared;
  if (own === undefined) {
    const made = mkdtempSync(join(tmpdir(), "drover-test-agent-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    own = made;
  }
  return own;
}

async function unlabelledOfThisRun(): Promise<string> {
  const made = join(folder(), "agent-unlabelled");
  if (existsSync(made)) return made;
  try {
    // Test files run side by side, and only one of them builds.
    mkdirSync(`${made}.making`);
  } catch {
    return until("another test has built the agent", () => (existsSync(made) ? made : undefined), madeWithinMs);
  }
  const kept = await keptExecutables();
  for (const platform of platforms)
    copyFileSync(join(kept, fileNames[platform]), join(`${made}.making`, fileNames[platform]));
  renameSync(`${made}.making`, made);
  return made;
}

async function keptExecutables(): Promise<string> {
  const ingredients = await gatherIngredients();
  const digest = createHash("sha256");
  for (const [name, bytes] of ingredients) digest.update(`${name} ${bytes.length}\n`).update(bytes);
  // How they are put together counts as well.
  for (const file of globSync("deploy/agent-build/*", { cwd: root }).sort())
    digest.update(readFileSync(join(root, file)));
  digest.update(readFileSync(join(root, "node_modules/postject/package.json")));
  const kept = join(cache, digest.digest("hex").slice(0, 32));
  if (existsSync(kept)) return kept;
  const unfinished = join(cache, randomUUID());
  await makeExecutables(platforms, ingredients, unfinished, () => {});
  try {
    renameSync(unfinished, kept);
  } catch {
    // Another test run was faster.
    rmSync(unfinished, { recursive: true });
  }
  const ageOf = (name: string) => statSync(join(cache, name)).mtimeMs;
  const oldest = readdirSync(cache).sort((a, b) => ageOf(b) - ageOf(a));
  for (const name of oldest.slice(keptMax)) rmSync(join(cache, name), { recursive: true, force: true });
  return kept;
}
