// Pictures on their way to the server: a bounded queue, and the flow control that keeps them out of the beats' way.
//
// 1. At most `WINDOW_BYTES` are unacknowledged, and one chunk at a time is handed to the socket, so that a beat waits
//    for 64 KiB at most.
// 2. When the queue is over its limit the oldest frames go first; a proof or a screenshot goes only when there is no
//    frame left to drop. Of health screenshots only the latest is kept.
// 3. A new stream starts every unfinished artifact over.

import { randomUUID } from "node:crypto";
import { ArtifactKind } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";

export const CHUNK_BYTES = 64 * 1024;
export const WINDOW_BYTES = 256 * 1024;
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

export interface Artifact {
  readonly id: string;
  readonly kind: ArtifactKind;
  readonly attemptId: string;
  readonly commandNumber: number;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Chunk {
  readonly artifact: Artifact;
  readonly offset: number;
  readonly data: Uint8Array;
}

interface Queued {
  readonly artifact: Artifact;
  sentBytes: number;
  ackedBytes: number;
}

export const newArtifactId = (): string => randomUUID();

export class ArtifactQueue {
  #queue: Queued[] = [];
  #artifactBytesMax = Number.POSITIVE_INFINITY;

  /** A stream was welcomed (3). */
  streamBegan(artifactBytesMax: number): void {
    this.#artifactBytesMax = artifactBytesMax || Number.POSITIVE_INFINITY;
    this.#queue = this.#queue.filter((queued) => queued.artifact.bytes.length <= this.#artifactBytesMax);
    for (const queued of this.#queue) queued.sentBytes = queued.ackedBytes = 0;
  }

  add(artifact: Artifact): void {
    if (artifact.bytes.length === 0 || artifact.bytes.length > this.#artifactBytesMax) return;
    if (artifact.kind === ArtifactKind.HEALTH) {
      this.#queue = this.#queue.filter(({ artifact: { kind }, sentBytes }) => kind !== artifact.kind || sentBytes > 0);
    }
    this.#queue.push({ artifact, sentBytes: 0, ackedBytes: 0 });
    while (this.#queuedBytes() > QUEUE_BYTES_MAX && this.#queue.length > 1) this.#dropOne();
  }

  get size(): number {
    return this.#queue.length;
  }

  /** The next piece to send, or `undefined` when the window is full or nothing waits. It counts as sent. */
  nextChunk(): Chunk | undefined {
    const unacknowledged = this.#queue.reduce((sum, { sentBytes, ackedBytes }) => sum + sentBytes - ackedBytes, 0);
    const queued = this.#queue.find(({ artifact, sentBytes }) => sentBytes < artifact.bytes.length);
    if (queued === undefined) return undefined;
    const offset = queued.sentBytes;
    const length = Math.min(CHUNK_BYTES, queued.artifact.bytes.length - offset);
    if (unacknowledged + length > WINDOW_BYTES) return undefined;
    queued.sentBytes += length;
    return { artifact: queued.artifact, offset, data: queued.artifact.bytes.subarray(offset, offset + length) };
  }

  acknowledged(artifactId: string, receivedBytes: number, refused: boolean): void {
    const queued = this.#queue.find(({ artifact }) => artifact.id === artifactId);
    if (queued === undefined) return;
    queued.ackedBytes = Math.max(queued.ackedBytes, Math.min(receivedBytes, queued.sentBytes));
    const finished = queued.ackedBytes === queued.artifact.bytes.length;
    if (refused || finished) this.#queue.splice(this.#queue.indexOf(queued), 1);
  }

  #queuedBytes(): number {
    return this.#queue.reduce((sum, { artifact }) => sum + artifact.bytes.length, 0);
  }

  #dropOne(): void {
    const isFrame = ({ artifact: { kind } }: Queued) => kind === ArtifactKind.FRAME;
    const unbegun = this.#queue.findIndex((queued) => isFrame(queued) && queued.sentBytes === 0);
    const frame = unbegun >= 0 ? unbegun : this.#queue.findIndex(isFrame);
    this.#queue.splice(Math.max(frame, 0), 1);
  }
}
