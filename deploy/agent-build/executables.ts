// Makes the executables: Node, stripped where that is possible, with a blob of the agent's program and its assets. They
// carry a blank label (agent/executable/label.ts) and become releases by a label of their own (release.ts).
//
// Every path that gets into the blob is relative to a folder with fixed names, and no time, no user and no environment
// gets into it: the same sources give the same bytes.

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  KOFFI_ASSET,
  LABEL_ASSET,
  SCREEN_CAPTURE_ASSETS,
  TEXT_DATA_ASSET,
  TEXT_WORKER_ASSET,
} from "../../agent/executable/assets.ts";
import { blankLabel } from "../../agent/executable/label.ts";
import { bundleAgent, bundleTextWorker } from "./bundle.ts";
import { filled } from "./hollow.ts";
import { NODE_VERSION, partFor } from "./parts.ts";
import { BuildRefused, fileNames, type Platform } from "./platforms.ts";
import { run } from "./programs.ts";

const root = resolve(import.meta.dirname, "../..");

export type Say = (line: string) => void;

/** What goes into the executables of all platforms, by file name. */
export type Ingredients = ReadonlyMap<string, Buffer>;

const mainFile = "main.cjs";

export async function gatherIngredients(): Promise<Ingredients> {
  const [main, textWorker] = await Promise.all([bundleAgent(), bundleTextWorker()]);
  return new Map([
    [mainFile, main],
    [TEXT_WORKER_ASSET, textWorker],
    [TEXT_DATA_ASSET, packaged("@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz")],
    [LABEL_ASSET, blankLabel],
    ...SCREEN_CAPTURE_ASSETS.map((name): [string, Buffer] => [name, packaged(`screenshot-desktop/lib/win32/${name}`)]),
  ]);
}

/** Makes the executables of these platforms in `folder`, under their own names. */
export async function makeExecutables(
  platforms: readonly Platform[],
  ingredients: Ingredients,
  folder: string,
  say: Say,
): Promise<void> {
  if (process.versions.node !== NODE_VERSION) {
    const found = process.versions.node;
    throw new BuildRefused(`the build needs Node ${NODE_VERSION}, and this is ${found}: npm run build:agent`);
  }
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".making-"));
  try {
    for (const [name, bytes] of ingredients) writeFileSync(join(work, name), bytes);
    // All of them have ended before their folder goes.
    const ends = await Promise.allSettled(platforms.map((platform) => makeExecutable(platform, work, say)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    for (const platform of platforms) renameSync(join(work, fileNames[platform]), join(folder, fileNames[platform]));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function makeExecutable(platform: Platform, work: string, say: Say): Promise<void> {
  const file = fileNames[platform];
  writeFileSync(join(work, `${platform}.node`), await partFor("koffi", platform, say));
  const assets = [LABEL_ASSET, TEXT_WORKER_ASSET, TEXT_DATA_ASSET];
  if (platform === "win32-x64") assets.push(...SCREEN_CAPTURE_ASSETS);
  const blob = `${platform}.blob`;
  const config = {
    main: mainFile,
    output: blob,
    disableExperimentalSEAWarning: true,
    // Both would tie the blob to the platform that it is made on.
    useSnapshot: false,
    useCodeCache: false,
    assets: { [KOFFI_ASSET]: `${platform}.node`, ...Object.fromEntries(assets.map((name) => [name, name])) },
  };
  writeFileSync(join(work, `${platform}.json`), JSON.stringify(config));
  await run(process.execPath, ["--experimental-sea-config", `${platform}.json`], { cwd: work });
  writeFileSync(join(work, file), await filled(platform, readFileSync(join(work, blob)), say), { mode: 0o755 });
}

const packaged = (path: string): Buffer => readFileSync(join(root, "node_modules", path));
