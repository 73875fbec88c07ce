// The call of Download: the bytes of the release that is wanted on the calling machine, from an offset on.
//
// 1. Only so many at once on a replica: a fleet that downloads must not take the line from the beats.
// 2. One place for a machine: a newer download of it ends the older one, which nobody reads any more.
// 3. One piece is in memory per download; the next is read when the agent has taken the one before.

import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type DownloadRequest,
  DownloadRequestSchema,
  type DownloadResponse,
  DownloadResponseSchema,
} from "@drover/proto/gen/drover/agent/v1/release_pb.ts";
import { type ServerWritableStream, status } from "@grpc/grpc-js";
import { errorText } from "../engine/loop.ts";
import { pieceBytes, piecesFrom } from "../engine/releases.ts";
import { readWantedRelease } from "../engine/updating.ts";
import type { MachineId } from "../rules/names.ts";
import type { Serving } from "./attach.ts";
import { callerOf } from "./machine-key.ts";

export type DownloadCall = ServerWritableStream<DownloadRequest, DownloadResponse>;

/** As release.proto promises. */
const messageBytesMax = 256 * 1024;

/** A download on which nothing moves for so long gives its place to another. */
const stalledMs = 60_000;

const validator = createValidator();

export function createDownloads(atOnceMax: number, serving: () => Serving | undefined) {
  const underWay = new Map<MachineId, AbortController>();

  async function download(call: DownloadCall): Promise<void> {
    const refuse = (code: status, details: string) => void call.emit("error", { code, details });
    const now = serving();
    if (now === undefined) return refuse(status.UNAVAILABLE, "this replica cannot serve now; try again");
    const { context } = now.engine;
    const caller = await callerOf(call, now.engine);
    if (caller.is !== "machine") {
      return refuse(status.UNAUTHENTICATED, "the machine's key is not known or was revoked");
    }
    if (validator.validate(DownloadRequestSchema, call.request).kind !== "valid") {
      return refuse(status.INVALID_ARGUMENT, "version: must have 1 to 64 characters");
    }
    const release = (await readWantedRelease(context, caller.machine.id))?.release;
    if (release?.version !== call.request.version) {
      return refuse(status.NOT_FOUND, "this release is not wanted on this machine");
    }
    const { offset } = call.request;
    if (offset > BigInt(release.sizeBytes)) {
      return refuse(status.OUT_OF_RANGE, "offset: the release is shorter");
    }
    const before = underWay.get(caller.machine.id);
    if (before === undefined && underWay.size >= atOnceMax) {
      return refuse(status.RESOURCE_EXHAUSTED, "as many agents download as may at once; try again in a few seconds");
    }

    before?.abort();
    const superseded = new AbortController();
    underWay.set(caller.machine.id, superseded);
    let next = Number(offset);
    try {
      for await (const piece of piecesFrom(context, release, next)) {
        next += piece.length;
        for (let at = 0; at < piece.length; at += messageBytesMax) {
          const data = new Uint8Array(piece.subarray(at, at + messageBytesMax));
          if (!(await taken(call, create(DownloadResponseSchema, { data }), superseded.signal))) {
            if (superseded.signal.aborted) refuse(status.ABORTED, "the machine has begun another download");
            return;
          }
        }
      }
      call.end();
    } catch (error) {
      const { id, version } = release;
      const piece = Math.floor(next / pieceBytes);
      context.log.warn("a release could not be handed out", { release: id, version, piece, error: errorText(error) });
      refuse(status.UNAVAILABLE, "the release cannot be read now; try again");
    } finally {
      if (underWay.get(caller.machine.id) === superseded) underWay.delete(caller.machine.id);
    }
  }

  return async (call: DownloadCall): Promise<void> => {
    // A peer that is gone is no news; without a listener it would be an uncaught exception.
    call.on("error", () => undefined);
    try {
      await download(call);
    } catch (error) {
      serving()?.engine.context.log.warn("a download could not be answered", { error: errorText(error) });
      call.emit("error", { code: status.UNAVAILABLE, details: "the download cannot be answered now; try again" });
    }
  };
}

/** Sends a message, and waits until there is room for the next; false when nobody takes it, or it is to stop. */
async function taken(call: DownloadCall, message: DownloadResponse, stop: AbortSignal): Promise<boolean> {
  if (call.cancelled || call.destroyed || stop.aborted) return false;
  if (call.write(message)) return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const room = () => resolve(true);
  const gone = () => resolve(false);
  const stalled = setTimeout(() => {
    call.emit("error", { code: status.DEADLINE_EXCEEDED, details: "nothing was taken for a minute" });
    gone();
  }, stalledMs);
  stop.addEventListener("abort", gone);
  call.once("drain", room).once("cancelled", gone).once("close", gone);
  try {
    return await promise;
  } finally {
    clearTimeout(stalled);
    stop.removeEventListener("abort", gone);
    call.off("drain", room).off("cancelled", gone).off("close", gone);
  }
}
