// Which program a supervisor starts: the installed one, or a release that came later. Keeps `release.json`; what it says is
// decided in `trial.ts`.
//
// 1. The file of a release is compared with what was recorded before each start.
// 2. A candidate is started only after it is on the disk that it is.

import type { AgentLog } from "../log.ts";
import { releaseNews } from "./news.ts";
import { loadRecord, saveRecord } from "./release-record.ts";
import { isRelease, releasePath } from "./releases-on-disk.ts";
import { advance, givenUp, type Happening, programOf, type ReleaseRecord } from "./trial.ts";

export interface SuccessionOptions {
  readonly stateDir: string;
  readonly installedVersion: string;
  readonly log: AgentLog;
  /** How long a candidate has to attach, all its starts together. */
  readonly trialMs?: number;
  /** Where a crash might happen; for tests that let it happen there. */
  readonly reached?: (point: "record written" | "record renamed") => void;
}

/** What to start now. */
export interface NextProgram {
  /** Undefined: the installed program. */
  readonly path: string | undefined;
  /** How long it has left to attach, if it is on trial. */
  readonly trialMs: number | undefined;
}

const TRIAL_MS = 60_000;
/** After this long with a release it has proven itself. A supervisor that starts meanwhile begins anew. */
const PROOF_MS = 600_000;

export class Succession {
  readonly #options: SuccessionOptions;
  #record: ReleaseRecord;
  /** When the present trial is over, by `performance.now`. */
  #trialEnd: number | undefined;
  #proof: NodeJS.Timeout | undefined;

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#record = loadRecord(options.stateDir);
    this.#awaitProof();
  }

  get onTrial(): boolean {
    return this.#record.is === "trying";
  }

  async next(): Promise<NextProgram> {
    const { stateDir, installedVersion, log, trialMs = TRIAL_MS } = this.#options;
    this.#happened({ what: "STARTING", installedVersion });
    for (;;) {
      const program = programOf(this.#record);
      const { onTrial } = this;
      if (!onTrial) this.#trialEnd = undefined;
      if (program.is === "installed") return { path: undefined, trialMs: undefined };
      const path = releasePath(stateDir, program.release.version);
      if (await isRelease(path, program.release).catch(() => false)) {
        if (!onTrial) return { path, trialMs: undefined };
        const now = performance.now();
        this.#trialEnd ??= now + trialMs;
        return { path, trialMs: Math.max(0, this.#trialEnd - now) };
      }
      log.error("the file of a release is damaged; the one before it is started", { version: program.release.version });
      this.#happened({ what: "DAMAGED" });
    }
  }

  /** The running program has said something. */
  heard(message: unknown): void {
    const news = releaseNews(message);
    switch (news?.release) {
      case "attached":
        return this.#happened({ what: "ATTACHED" });
      case "wanted":
        return this.#happened({ what: "WANTED", version: news.version });
      case "try":
        return this.#happened({ what: "TRY", release: news.candidate });
    }
  }

  /** The time of a trial is over. Tells whether the program was still on trial, and is to be ended. */
  timeOver(): boolean {
    const { onTrial } = this;
    this.#happened({ what: "TIME_OVER" });
    return onTrial;
  }

  /** The program that was started has ended. */
  died(livedMs: number): void {
    this.#happened({ what: "DIED", livedMs });
  }

  #awaitProof(): void {
    clearTimeout(this.#proof);
    if (this.#record.is === "trying" || this.#record.shortLives === undefined) return;
    this.#proof = setTimeout(() => this.#happened({ what: "PROVEN" }), PROOF_MS).unref();
  }

  #happened(happening: Happening): void {
    const { stateDir, log, reached } = this.#options;
    const before = this.#record;
    const after = advance(before, happening);
    if (after === before) return;
    try {
      saveRecord(stateDir, after, reached);
      this.#record = after;
    } catch (error) {
      const { code = "unknown" } = error as NodeJS.ErrnoException;
      log.error("what is known of releases could not be written", { code });
      this.#record = after.is === "trying" ? givenUp(after, "NOT_ATTACHED") : after;
    }
    if (happening.what === "DIED" && after.is === "settled" && after.failed !== undefined) {
      log.error("a release kept dying; the one before it comes back", { version: after.failed.version });
    }
    if (before.is !== "trying" || after.is === "trying") return;
    this.#awaitProof();
    const { version } = before.candidate;
    if (happening.what === "ATTACHED") log.info("a release is on trial no longer: it has attached", { version });
    else log.error("a release was given up; the one before it comes back", { version });
  }
}
