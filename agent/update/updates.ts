// What an agent process does about releases: has a wanted one prepared, reports on it, and says whether a grant is to be
// followed. Wanted state: saying the same thing again changes nothing.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ReleaseFault,
  type ReleaseReportSchema,
  ReleaseState,
  type WantedRelease,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { type DownloadOptions, downloadRelease } from "../connection/release-download.ts";
import type { AgentLog } from "../log.ts";
import type { ReleaseNews } from "./news.ts";
import { DOWNLOAD_PAUSES, type DownloadPauses, type Preparation, prepare } from "./preparing.ts";
import { type OfferedRelease, offeredRelease, type Release, type RunningRelease, refusal } from "./release.ts";
import { loadRecord } from "./release-record.ts";
import { keepOnly } from "./releases-on-disk.ts";
import type { FailedRelease, Program, ReleaseRecord } from "./trial.ts";

export type ReleaseReportInit = MessageInitShape<typeof ReleaseReportSchema>;

export interface UpdatesOptions {
  readonly stateDir: string;
  readonly log: AgentLog;
  readonly random: () => number;
  /** What runs; undefined when it cannot be replaced. */
  readonly running: RunningRelease | undefined;
  /** Tells the supervisor. */
  readonly tell: (news: ReleaseNews) => void;
  /** Sends to the server if there is a stream; what matters is sent again after the next welcome. */
  readonly report: (report: ReleaseReportInit) => void;
  readonly pauses?: DownloadPauses;
}

/** Where a release comes from: the server that the agent is attached to. */
export type Source = Pick<DownloadOptions, "server" | "machineKey">;

const SILENCE_MS = 30_000;

type Progress =
  | { readonly is: "preparing"; readonly stopping: AbortController }
  | { readonly is: "prepared" }
  /** `passing`: it is tried again with the next stream; what could not be downloaded, after a pause as well. */
  | { readonly is: "failed"; readonly fault: ReleaseFault; readonly passing: boolean };

export class Updates {
  readonly #options: UpdatesOptions;
  /** What was given up here, until another version is wanted. */
  #failed: FailedRelease | undefined;
  #source: Source | undefined;
  #wanted: OfferedRelease | undefined;
  #progress: Progress | undefined;
  /** Two preparations would write to the same files: one begins when the one before, which was stopped, has ended. */
  #preparation: Promise<void> = Promise.resolve();
  #again: NodeJS.Timeout | undefined;
  #attached = false;

  constructor(options: UpdatesOptions) {
    this.#options = options;
    const record = options.running === undefined ? undefined : loadRecord(options.stateDir);
    this.#failed = record?.is === "settled" ? record.failed : undefined;
  }

  /** What `Hello` has to say of a release that was given up. */
  get failedRelease(): ReleaseReportInit | undefined {
    if (this.#failed === undefined) return undefined;
    const { version, fault } = this.#failed;
    return { version, state: ReleaseState.FAILED, fault: ReleaseFault[fault] };
  }

  /** A stream began at this server. */
  streamBegan(source: Source): void {
    this.#source = source;
    if (this.#progress?.is !== "failed" || !this.#progress.passing) return;
    clearTimeout(this.#again);
    this.#progress = undefined;
  }

  /** The first acknowledged beat: this program works. */
  attached(): void {
    if (this.#attached) return;
    this.#attached = true;
    this.#options.tell({ release: "attached" });
  }

  /** The server says which release it wants. */
  wanted(message: WantedRelease): void {
    const offered = offeredRelease(message);
    if (!isSame(offered, this.#wanted)) this.#begin(offered);
    if (this.#wanted === undefined) return;
    if (this.#progress === undefined) this.#prepare(this.#wanted);
    else this.#report();
  }

  /** Another release is wanted than before. */
  #begin(offered: OfferedRelease): void {
    const { running, log, tell } = this.#options;
    this.stop();
    this.#wanted = undefined;
    this.#progress = undefined;
    const { version } = offered;
    if (version === "") return;
    if (version !== this.#failed?.version) this.#failed = undefined;
    tell({ release: "wanted", version });
    if (version === running?.version) return;
    this.#wanted = offered;
    const refused = refusal(offered, running);
    if (refused !== undefined)
      log.warn("a wanted release is refused", { code: refused.fault, detail: refused.because });
    const fault = refused?.fault ?? this.#failed?.fault;
    if (fault !== undefined) this.#progress = { is: "failed", fault: ReleaseFault[fault], passing: false };
  }

  /** The release to be replaced by now; undefined when a grant is of none that is ready. */
  granted(version: string): Release | undefined {
    const ready = this.#progress?.is === "prepared" && this.#wanted?.version === version;
    if (!ready || this.#wanted === undefined) return undefined;
    const { sizeBytes, sha256 } = this.#wanted;
    return { version, sizeBytes, sha256 };
  }

  /** Ends a download. What is there of it stays. */
  stop(): void {
    clearTimeout(this.#again);
    if (this.#progress?.is === "preparing") this.#progress.stopping.abort();
  }

  #prepare(release: OfferedRelease): void {
    const stopping = new AbortController();
    this.#progress = { is: "preparing", stopping };
    this.#preparation = this.#preparation.then(async () => {
      if (stopping.signal.aborted) return;
      const end = await this.#prepared(release, stopping.signal);
      if (end.is !== "stopped" && !stopping.signal.aborted) this.#ended(release, end);
    });
  }

  /** Never rejects: what goes wrong here would end an agent that works, and again after each start. */
  async #prepared(release: OfferedRelease, signal: AbortSignal): Promise<Preparation> {
    const { stateDir, random, pauses, log, running } = this.#options;
    const { version } = release;
    const download = (offset: number, take: (data: Uint8Array) => void) => {
      if (this.#source === undefined) throw new Error("nobody has wanted a release yet");
      return downloadRelease({ ...this.#source, version, offset, silenceMs: SILENCE_MS, signal, take });
    };
    log.info("a release is being prepared", { version });
    try {
      keepOnly(stateDir, new Set([...versionsIn(loadRecord(stateDir)), version, running?.version ?? ""]));
      return await prepare({ stateDir, release, download, random, signal, ...(pauses && { pauses }) });
    } catch (error) {
      return { is: "failed", fault: "DISK", because: `${(error as Error).name}: ${(error as Error).message}` };
    }
  }

  #ended(release: OfferedRelease, end: Exclude<Preparation, { is: "stopped" }>): void {
    const { log, random, pauses = DOWNLOAD_PAUSES } = this.#options;
    const { version } = release;
    if (end.is === "prepared") {
      log.info("a release is prepared", { version });
      this.#progress = { is: "prepared" };
    } else {
      log.warn("a release could not be prepared", { version, code: end.fault, detail: end.because });
      this.#progress = { is: "failed", fault: ReleaseFault[end.fault], passing: end.fault !== "DIGEST" };
      if (end.fault === "DOWNLOAD") {
        // Nobody says again what is wanted while the stream lasts, and the server may have it by then.
        this.#again = setTimeout(() => this.#prepare(release), pauses.failedMs * (0.5 + random()));
      }
    }
    this.#report();
  }

  #report(): void {
    const [wanted, progress] = [this.#wanted, this.#progress];
    if (wanted === undefined || progress === undefined || progress.is === "preparing") return;
    const { version } = wanted;
    // A version that no report can carry is one that nobody can have wanted.
    if (version.length > 64) return;
    if (progress.is === "prepared") this.#options.report({ version, state: ReleaseState.PREPARED });
    else this.#options.report({ version, state: ReleaseState.FAILED, fault: progress.fault });
  }
}

const isSame = (one: OfferedRelease, other: OfferedRelease | undefined): boolean =>
  one.version === other?.version &&
  one.executable === other.executable &&
  one.sizeBytes === other.sizeBytes &&
  one.sha256 === other.sha256 &&
  Buffer.from(one.signature).equals(other.signature);

/** Every release that the supervisor may still start. */
function versionsIn(record: ReleaseRecord): string[] {
  const versionOf = (program: Program) => (program.is === "release" ? [program.release.version] : []);
  if (record.is === "trying") return [record.candidate.version, ...versionOf(record.fallback)];
  return [...versionOf(record.current), ...versionOf(record.previous)];
}
