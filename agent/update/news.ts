// What an agent process tells its supervisor about releases, over their IPC channel. The two may be of different versions:
// the supervisor is the installed program, the agent may be newer. So news are only ever added, and a supervisor
// passes over what it does not know.

import type { Release } from "./release.ts";
import { isVersion } from "./version.ts";

export type ReleaseNews =
  /** It has a welcome and its first acknowledged beat: it works. */
  | { readonly release: "attached" }
  /** The control plane wants this version; empty: the one that runs. */
  | { readonly release: "wanted"; readonly version: string }
  /** It ends now, to be replaced by this release. */
  | { readonly release: "try"; readonly candidate: Release };

/** The exit status of an agent process that ends in order to be replaced. */
export const EXIT_REPLACE = 75;
/**
 * The exit status of a supervised agent process that was asked to stop. Not 0: that is also the status of a process that
 * somebody else ended on Windows with none in mind.
 */
export const EXIT_STOPPED = 77;
/** The exit status of an agent process that met another one on its machine; says nothing against the program. */
export const EXIT_LOCKED = 76;

/** Understands a message from an agent process; undefined when it is about something else, or malformed. */
export function releaseNews(message: unknown): ReleaseNews | undefined {
  if (typeof message !== "object" || message === null || !("release" in message)) return undefined;
  const news = message as Readonly<Record<string, unknown>>;
  if (news["release"] === "attached") return { release: "attached" };
  if (news["release"] === "wanted" && typeof news["version"] === "string") {
    return { release: "wanted", version: news["version"] };
  }
  const candidate = news["release"] === "try" ? asRelease(news["candidate"]) : undefined;
  return candidate && { release: "try", candidate };
}

/** A release that was written by a process of another version, or read from a file. */
export function asRelease(value: unknown): Release | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { version, sizeBytes, sha256 } = value as Readonly<Record<string, unknown>>;
  if (typeof version !== "string" || typeof sizeBytes !== "number" || typeof sha256 !== "string") return undefined;
  return isVersion(version) ? { version, sizeBytes, sha256 } : undefined;
}
