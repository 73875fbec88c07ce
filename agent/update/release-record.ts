// `release.json` in the state directory: what the supervisor remembers of releases (`trial.ts`). Written by supervisors
// only; agent processes read it.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { asRelease } from "./news.ts";
import { syncFolder } from "./releases-on-disk.ts";
import { type FailedRelease, type Program, type ReleaseRecord, UNTOUCHED } from "./trial.ts";
import { isVersion } from "./version.ts";

const fileIn = (stateDir: string): string => join(stateDir, "release.json");

/** Writes the record so that a crash leaves the old one or the new one. `reached` is told what is on the disk. */
export function saveRecord(
  stateDir: string,
  record: ReleaseRecord,
  reached: (point: "record written" | "record renamed") => void = () => {},
): void {
  const temporary = `${fileIn(stateDir)}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify(record)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  reached("record written");
  renameSync(temporary, fileIn(stateDir));
  syncFolder(stateDir);
  reached("record renamed");
}

/** Reads the record. One that is damaged or not there says: the installed program, which is there in any case. */
export function loadRecord(stateDir: string): ReleaseRecord {
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(fileIn(stateDir), "utf8"));
  } catch {
    return UNTOUCHED;
  }
  return asRecord(written) ?? UNTOUCHED;
}

function asRecord(value: unknown): ReleaseRecord | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  if (record["is"] === "trying") {
    const [candidate, fallback, starts] = [
      asRelease(record["candidate"]),
      asProgram(record["fallback"]),
      record["starts"],
    ];
    if (candidate === undefined || fallback === undefined || typeof starts !== "number") return undefined;
    return { is: "trying", candidate, starts, fallback };
  }
  const [current, previous] = [asProgram(record["current"]), asProgram(record["previous"])];
  if (record["is"] !== "settled" || current === undefined || previous === undefined) return undefined;
  const failed = asFailed(record["failed"]);
  const shortLives = record["shortLives"];
  return {
    is: "settled",
    current,
    previous,
    ...(failed && { failed }),
    ...(typeof shortLives === "number" && { shortLives }),
  };
}

function asProgram(value: unknown): Program | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const program = value as Readonly<Record<string, unknown>>;
  if (program["is"] === "installed") return { is: "installed" };
  const release = program["is"] === "release" ? asRelease(program["release"]) : undefined;
  return release && { is: "release", release };
}

function asFailed(value: unknown): FailedRelease | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { version, fault } = value as Readonly<Record<string, unknown>>;
  // Hello would be refused for ever with what is no version.
  if (typeof version !== "string" || !isVersion(version) || (fault !== "NOT_ATTACHED" && fault !== "DIGEST"))
    return undefined;
  return { version, fault };
}
