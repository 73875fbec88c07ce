// Builds the agent as one file per platform: npm run build:agent (see USAGE). Progress goes to stderr, the answer to stdout.
//
// Exit code 0: all are there. 1: the build failed. 2: wrong arguments.

import type { KeyObject } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../agent/package.json" with { type: "json" };
import { isVersion } from "../../agent/update/version.ts";
import { ensureSystemPackages } from "../system-packages.ts";
import { gatherIngredients, makeExecutables } from "./executables.ts";
import { BuildRefused, fileNames, platforms, requireFits } from "./platforms.ts";
import { stoppable } from "./programs.ts";
import { describe, labelled, type Made, readReleaseKey, replaceFile, signed, signedAgain } from "./release.ts";

const USAGE = `usage: npm run build:agent -- [--out DIR] [--version X] [--release-key FILE] [--sign-again] [--json] [--yes]

  --out DIR           where the executables go (default: dist/agent)
  --version X         the agent's version (default: that of agent/package.json)
  --release-key FILE  Ed25519 private key in PEM: the agents take newer versions that are signed with it, and
                      <executable>.release.json is written beside each. Make one, and keep it away from every server:
                        openssl genpkey -algorithm ed25519 -out release-key.pem && chmod 600 release-key.pem
                      Without it the agents cannot be updated.
  --sign-again        build nothing: write the .release.json of the executables that are in --out already, after your
                      own code signing (Authenticode) has changed them. The key must be the one they were built with.
  --json              the answer in JSON
  --yes               install the system package that is missing, if one is
`;

interface Settings {
  readonly out: string;
  readonly version: string;
  readonly releaseKeyFile: string | undefined;
  readonly signAgain: boolean;
  readonly json: boolean;
  readonly yes: boolean;
}

function settings(args: string[]): Settings | undefined {
  const options = {
    out: { type: "string", default: "dist/agent" },
    version: { type: "string", default: manifest.version },
    "release-key": { type: "string" },
    "sign-again": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    yes: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args, options, strict: true });
    if (values.help) return undefined;
    if (!isVersion(values.version)) throw new Error("--version wants a version like 1.2.3 or 1.2.3-rc.1");
    const { out, version, json, yes, "release-key": releaseKeyFile, "sign-again": signAgain } = values;
    if (out === "") throw new Error("--out wants a folder");
    if (signAgain && releaseKeyFile === undefined) throw new Error("--sign-again wants --release-key");
    return { out: resolve(out), version, json, yes, releaseKeyFile, signAgain };
  } catch (error) {
    throw new WrongArguments((error as Error).message);
  }
}

class WrongArguments extends Error {}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function buildAgent({ out, version, releaseKeyFile, yes }: Settings): Promise<readonly Made[]> {
  const releaseKey = releaseKeyFile === undefined ? undefined : readReleaseKey(releaseKeyFile);
  const packages = await ensureSystemPackages("agent-build", { yes });
  if (packages.state === "missing") throw new BuildRefused([packages.reason, ...packages.commands].join("\n  "));
  if (packages.state === "failed") throw new BuildRefused(packages.reason);
  return stoppable(() => makeReleases(out, version, releaseKey));
}

async function makeReleases(out: string, version: string, releaseKey: KeyObject | undefined): Promise<readonly Made[]> {
  mkdirSync(out, { recursive: true });
  const unlabelled = mkdtempSync(join(out, ".unlabelled-"));
  try {
    say("bundling the agent");
    await makeExecutables(platforms, await gatherIngredients(), unlabelled, say);
    return platforms.map((platform) => {
      const name = fileNames[platform];
      const executable = labelled(readFileSync(join(unlabelled, name)), version, releaseKey);
      requireFits(platform, executable.length);
      const made = describe(executable, version, platform);
      replaceFile(join(out, name), executable, 0o755);
      rmSync(join(out, `${name}.release.json`), { force: true });
      if (releaseKey === undefined) return made;
      const release = signed(made, releaseKey);
      replaceFile(join(out, `${name}.release.json`), `${JSON.stringify(release, null, 2)}\n`, 0o644);
      return release;
    });
  } finally {
    rmSync(unlabelled, { recursive: true, force: true });
  }
}

/** The executables were changed since they were built. What they say of themselves is in them. */
function signAgain({ out, releaseKeyFile = "" }: Settings): readonly Made[] {
  const releaseKey = readReleaseKey(releaseKeyFile);
  return platforms.map((platform) => {
    const path = join(out, fileNames[platform]);
    const release = signedAgain(path, platform, releaseKey);
    replaceFile(`${path}.release.json`, `${JSON.stringify(release, null, 2)}\n`, 0o644);
    return release;
  });
}

function table(out: string, all: readonly Made[]): string {
  const rows = all.map(({ executable, sizeBytes, sha256 }) => {
    const size = `${(sizeBytes / 1_000_000).toFixed(1)} MB`;
    return `${join(out, fileNames[executable])}  ${size.padStart(8)}  sha256 ${sha256}\n`;
  });
  return rows.join("");
}

/** A file cannot be where it is wanted. The system's words name the file. */
const isOfPlace = (error: unknown): error is Error =>
  error instanceof Error &&
  "code" in error &&
  ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EEXIST", "ENOTDIR", "EISDIR"].includes(`${error.code}`);

async function main(args: string[]): Promise<number> {
  try {
    const wanted = settings(args);
    if (wanted === undefined) {
      process.stdout.write(USAGE);
      return 0;
    }
    const all = wanted.signAgain ? signAgain(wanted) : await buildAgent(wanted);
    process.stdout.write(wanted.json ? `${JSON.stringify(all)}\n` : table(wanted.out, all));
    return 0;
  } catch (error) {
    if (!(error instanceof WrongArguments || error instanceof BuildRefused || isOfPlace(error))) throw error;
    say(`build:agent: ${error.message}`);
    return error instanceof WrongArguments ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
