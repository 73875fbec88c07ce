// Frames on their way to becoming artifacts: encoded later and one at a time, so that no picture delays a command, and
// dropped when they come faster than they can be encoded. Also takes the health screenshots.

import { setImmediate as nextTurn } from "node:timers/promises";
import { ArtifactKind } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { type ArtifactQueue, newArtifactId } from "./artifacts.ts";
import type { Desktop, Frame } from "./desktop/desktop.ts";
import type { AgentLog } from "./log.ts";
import type { Sight } from "./steps/sight.ts";

interface Waiting {
  readonly id: string;
  readonly kind: ArtifactKind;
  readonly attemptId: string;
  readonly commandNumber: number;
  readonly frame: Promise<Frame | undefined>;
}

/** Raw frames are large: 4 MB at 1280 x 800. */
const UNENCODED_MAX = 6;

export class Pictures {
  readonly #desktop: Desktop;
  readonly #sight: Sight;
  readonly #queue: ArtifactQueue;
  readonly #log: AgentLog;
  readonly #added: () => void;
  readonly #waiting: Waiting[] = [];
  #encoding = false;
  #health: NodeJS.Timeout | undefined;
  #takingHealth = false;

  constructor(desktop: Desktop, sight: Sight, queue: ArtifactQueue, log: AgentLog, added: () => void) {
    this.#desktop = desktop;
    this.#sight = sight;
    this.#queue = queue;
    this.#log = log;
    this.#added = added;
  }

  keep(kind: ArtifactKind, attemptId: string, commandNumber: number, frame: Frame | Promise<Frame>): string {
    const id = newArtifactId();
    // A frame that could not be taken is no reason to fail the command that it was taken for.
    const taken = Promise.resolve(frame).catch(() => undefined);
    this.#waiting.push({ id, kind, attemptId, commandNumber, frame: taken });
    if (this.#waiting.length > UNENCODED_MAX) {
      const oldest = this.#waiting.findIndex((waiting) => waiting.kind === ArtifactKind.FRAME);
      this.#waiting.splice(Math.max(oldest, 0), 1);
    }
    if (!this.#encoding) void this.#encodeAll();
    return id;
  }

  /** Takes a health screenshot every `intervalMs`; 0 stops it. `first` is when the first one is due. */
  watchHealth(intervalMs: number, firstMs: number): void {
    clearTimeout(this.#health);
    if (intervalMs === 0) return;
    this.#health = setTimeout(() => {
      void this.#takeHealth();
      this.watchHealth(intervalMs, intervalMs);
    }, firstMs);
  }

  stop(): void {
    clearTimeout(this.#health);
    this.#waiting.length = 0;
  }

  async #encodeAll(): Promise<void> {
    this.#encoding = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        // After the result that was just written, and after whatever else is due.
        await nextTurn();
        const { frame, ...artifact } = next;
        const taken = await frame;
        if (taken === undefined) continue;
        this.#queue.add({ ...artifact, ...(await this.#sight.encode(taken)) });
        this.#added();
      }
    } catch (error) {
      this.#log.warn("a frame could not be encoded", { detail: (error as Error).name });
    } finally {
      this.#encoding = false;
    }
  }

  async #takeHealth(): Promise<void> {
    if (this.#takingHealth) return;
    this.#takingHealth = true;
    try {
      const bytes = await this.#desktop.healthScreenshot();
      const kind = ArtifactKind.HEALTH;
      this.#queue.add({ id: newArtifactId(), kind, attemptId: "", commandNumber: 0, contentType: "image/png", bytes });
      this.#added();
    } catch (error) {
      this.#log.warn("no health screenshot could be taken", { detail: (error as Error).name });
    } finally {
      this.#takingHealth = false;
    }
  }
}
