// Artifacts on their way in: pieces put together, bounded, handed on when whole.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ArtifactAckSchema,
  type ArtifactChunk,
  ArtifactKind,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { saveArtifact, saveHealthFrame } from "../engine/artifacts.ts";
import type { EngineContext } from "../engine/context.ts";
import { limits } from "../rules/limits.ts";
import type { ArtifactId, AttemptId, MachineId } from "../rules/names.ts";

/** Artifacts that one agent may have half sent; the oldest is forgotten. */
const partialMax = 4;

interface Partial {
  readonly pieces: Uint8Array[];
  received: number;
}

const kinds = {
  [ArtifactKind.FRAME]: "frame",
  [ArtifactKind.PROOF]: "proof",
  [ArtifactKind.SCREENSHOT]: "screenshot",
} as const;

export class Incoming {
  readonly #context: EngineContext;
  readonly #machineId: MachineId;
  readonly #ack: (ack: MessageInitShape<typeof ArtifactAckSchema>) => void;
  readonly #partial = new Map<string, Partial>();

  constructor(
    context: EngineContext,
    machineId: MachineId,
    ack: (ack: MessageInitShape<typeof ArtifactAckSchema>) => void,
  ) {
    this.#context = context;
    this.#machineId = machineId;
    this.#ack = ack;
  }

  async take(chunk: ArtifactChunk): Promise<void> {
    const { artifactId, totalBytes } = chunk;
    const refuse = (refused: string) => {
      this.#partial.delete(artifactId);
      this.#ack({ artifactId, refused });
    };
    if (totalBytes > limits.artifactBytesMax) return refuse(`larger than ${limits.artifactBytesMax} bytes`);
    const partial = chunk.offset === 0 ? this.#begin(artifactId) : this.#partial.get(artifactId);
    if (partial === undefined || partial.received !== chunk.offset) return refuse("its pieces are not in order");
    partial.pieces.push(chunk.data);
    partial.received += chunk.data.length;
    if (partial.received > totalBytes) return refuse("longer than it said");
    if (partial.received < totalBytes) return this.#ack({ artifactId, receivedBytes: partial.received });
    this.#partial.delete(artifactId);
    const saved = await this.#save(chunk, Buffer.concat(partial.pieces));
    if (!saved) return refuse("its attempt is not this machine's");
    this.#ack({ artifactId, receivedBytes: totalBytes });
  }

  #begin(artifactId: string): Partial {
    this.#partial.delete(artifactId);
    const oldest = this.#partial.keys().next().value;
    if (this.#partial.size >= partialMax && oldest !== undefined) this.#partial.delete(oldest);
    const partial = { pieces: [], received: 0 };
    this.#partial.set(artifactId, partial);
    return partial;
  }

  async #save(chunk: ArtifactChunk, content: Uint8Array): Promise<boolean> {
    if (chunk.kind === ArtifactKind.HEALTH) {
      await saveHealthFrame(this.#context, this.#machineId, content);
      return true;
    }
    const kind = kinds[chunk.kind as keyof typeof kinds];
    return await saveArtifact(this.#context, this.#machineId, {
      id: chunk.artifactId as ArtifactId,
      attemptId: chunk.attemptId as AttemptId,
      commandNumber: chunk.commandNumber,
      kind,
      contentType: chunk.contentType,
      content,
    });
  }
}
