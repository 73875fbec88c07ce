// The agent's executables for tests, built once per test run by whichever test file comes first. Versions and release keys
// are written into copies, which takes less than a second each.

import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../agent/package.json" with { type: "json" };
import { gatherIngredients, makeExecutables } from "../../deploy/agent-build/executables.ts";
import { fileNames, type Platform, platforms } from "../../deploy/agent-build/platforms.ts";
import { describe, labelled, type Release, replaceFile, signed } from "../../deploy/agent-build/release.ts";
import { until } from "../agent/desktop/until.ts";

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
  await makeExecutables(platforms, await gatherIngredients(), `${made}.making`, () => {});
  renameSync(`${made}.making`, made);
  return made;
}
