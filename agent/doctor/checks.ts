// The checks: what each reads, and who judges it. They run in a process of their own (`examiner.ts`), because a desktop
// that hangs takes the whole process with it.
//
// Nothing here can inject input or change the desktop: of a desktop only the methods that look are known.

import { existsSync, rmSync, type Stats, statfsSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { reachServer, type ServerAnswer } from "../connection/diagnosis.ts";
import type { ServerAddress } from "../connection/server-address.ts";
import type { Desktop } from "../desktop/desktop.ts";
import { thisHost } from "../host/this-host.ts";
import { findIdentity } from "../identity.ts";
import type { DoctorSettings } from "../settings.ts";
import { decodePng } from "../vision/png.ts";
import { createTextReader, type TextReaderOptions } from "../vision/text-reader.ts";
import {
  judgeCapture,
  judgeHealthShot,
  judgeInput,
  judgeReading,
  judgeRights,
  judgeScaling,
  judgeSession,
  judgeSurface,
  judgeWindowManager,
  judgeWindows,
} from "./desktop-checks.ts";
import { type CheckName, type Judgement, ok, skipped, worst } from "./finding.ts";
import { judgeDisk, judgeIdle, judgePrograms } from "./machine-checks.ts";
import type { PlatformFacts } from "./platform-facts.ts";
import { isOnPath, isProgram } from "./programs.ts";
import { samplePng, sampleText } from "./sample-text.ts";
import { judgeClock, judgeKey, judgeReached } from "./server-checks.ts";
import { judgeIdentity, judgeRunning, judgeState, type StateFact } from "./state-checks.ts";

/** A desktop to look at. */
export type SeenDesktop = Pick<
  Desktop,
  "surface" | "traits" | "capture" | "healthScreenshot" | "windows" | "activeWindow" | "readClipboard"
>;

export interface Examined {
  readonly settings: DoctorSettings;
  readonly servers: readonly { readonly url: string; readonly address: ServerAddress }[];
  readonly facts: PlatformFacts;
  readonly openDesktop: () => Promise<SeenDesktop>;
  readonly textReader: TextReaderOptions;
  /** The version of the protocol that the agent speaks. */
  readonly protocolVersion: number;
}

export type Checks = Readonly<Record<CheckName, () => Promise<Judgement>>>;

const NO_STATE = skipped("no --state was said");
const NO_SERVER = skipped("no --server was said");

export function checksOf(examined: Examined): Checks {
  const { settings, facts } = examined;
  const { stateDir } = settings;
  const desktop = once(examined.openDesktop);
  const answer: { was?: ServerAnswer } = {};
  return {
    session: async () => judgeSession(await facts.session()),
    rights: async () => judgeRights(await facts.rights()),
    surface: async () => judgeSurface(await (await desktop()).surface()),
    "window-manager": async () => judgeWindowManager(await facts.windowManager()),
    capture: async () => {
      const { capture } = await desktop();
      const began = performance.now();
      const { width, height, rgba } = await capture.call(await desktop());
      const durationMs = performance.now() - began;
      return judgeCapture({ path: facts.ownCapture, width, height, bytes: rgba.length, durationMs });
    },
    "health-shot": async () => {
      const shot = await takeHealthShot(await desktop()).catch(() => undefined);
      return judgeHealthShot({ shot, missing: facts.missingForHealthShots(), onWindows });
    },
    input: async () => judgeInput(await facts.input(), await facts.rights()),
    windows: async () => {
      const windows = await (await desktop()).windows();
      const active = await (await desktop()).activeWindow();
      return judgeWindows({ count: windows.length, activeProcess: active?.process });
    },
    clipboard: async () => {
      await (await desktop()).readClipboard();
      return ok("can be read");
    },
    reading: async () => {
      const reader = createTextReader(examined.textReader);
      const began = performance.now();
      const { text } = await reader.read(decodePng(samplePng));
      const durationMs = performance.now() - began;
      await reader.stop();
      return judgeReading({ expected: sampleText, read: text, durationMs });
    },
    scaling: async () => judgeScaling((await (await desktop()).traits()).dpi),
    power: async () => judgeIdle(await facts.idle()),
    programs: async () =>
      judgePrograms({
        allowed: [...settings.allowExec].map(([name, path]) => ({ name, path, usable: isProgram(path) })),
        offered: settings.applications.map(({ name }) => ({ name, found: isOnPath(name) })),
      }),
    state: async () => (stateDir === undefined ? NO_STATE : judgeState(stateOf(stateDir), stateDir)),
    identity: async () => {
      if (stateDir === undefined) return NO_STATE;
      const found = findIdentity(stateDir);
      if (found.is !== "good") return judgeIdentity(found, stateDir);
      const inClear = thisHost.keyProtection.field === "machineKey";
      return judgeIdentity(
        { is: "good", protectedBy: inClear ? "its file's mode" : "Windows, for this user" },
        stateDir,
      );
    },
    agent: async () => (stateDir === undefined ? NO_STATE : judgeRunning(await isRunning(stateDir))),
    disk: async () => {
      const { bavail, bsize } = statfsSync(stateDir !== undefined && existsSync(stateDir) ? stateDir : homedir());
      return judgeDisk(bavail * bsize);
    },
    server: async () => {
      const judged = examined.servers.map(async ({ url, address }) => {
        const reached = await reachServer(address, machineKey(stateDir));
        if (reached.got === "answer") answer.was ??= reached.answer;
        return judgeReached(url, reached, examined.protocolVersion);
      });
      return judged.length === 0 ? NO_SERVER : worst(await Promise.all(judged));
    },
    key: async () => (answer.was === undefined ? NO_SERVER : judgeKey(answer.was.key)),
    clock: async () => (answer.was === undefined ? NO_SERVER : judgeClock(answer.was)),
  };
}

const onWindows = process.platform === "win32";

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** One shot as health screenshots are taken, and by which path it came. */
export async function takeHealthShot(desktop: SeenDesktop) {
  const began = performance.now();
  const png = Buffer.from(await desktop.healthScreenshot());
  const durationMs = performance.now() - began;
  const path = (await desktop.traits()).capture || "a path that is not told";
  // PNG's first chunk, at a fixed place, begins with its width and height.
  return { path, png, width: png.readUInt32BE(16), height: png.readUInt32BE(20), bytes: png.length, durationMs };
}

function stateOf(stateDir: string): StateFact {
  // A file tells what rights alone do not: a disk that is full or read-only.
  const sample = join(stateDir, `.doctor-${process.pid}`);
  let found: Stats | undefined;
  try {
    found = statSync(stateDir, { throwIfNoEntry: false });
    if (found === undefined) return { is: "missing" };
    if (!found.isDirectory()) return { is: "no-folder" };
    writeFileSync(sample, "");
    rmSync(sample);
  } catch {
    // Without `found` it may not even be looked at.
    return { is: found === undefined ? "out-of-reach" : "not-writable" };
  }
  return { is: "there", openToOthers: onWindows ? "unknown" : (found.mode & 0o077) !== 0 };
}

function machineKey(stateDir: string | undefined): string | undefined {
  const found = stateDir === undefined ? undefined : findIdentity(stateDir);
  return found?.is === "good" ? found.identity.machineKey : undefined;
}

/** Asked by the agent's own lock, which is let go of at once. Without its file no agent has ever run, and none is made. */
async function isRunning(stateDir: string): Promise<boolean> {
  const found = findIdentity(stateDir);
  if (found.is !== "good" || !existsSync(join(stateDir, "agent.lock"))) return false;
  const held = await thisHost.lock()(stateDir, found.identity.machineId);
  held?.release();
  return held === undefined;
}
