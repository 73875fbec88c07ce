// Downloads a release of the agent program, from the byte on that is still missing. Each download has a connection of its
// own, so that it never stands in a beat's way, and what the disk has not taken yet waits at the server.

import { ReleaseService } from "@drover/proto/gen/drover/agent/v1/release_pb.ts";
import { openServerStream } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { channelCredentials, channelOptions, type ServerAddress } from "./server-address.ts";
import { isServiceError } from "./service-error.ts";

export interface DownloadOptions {
  readonly server: ServerAddress;
  readonly machineKey: string;
  readonly version: string;
  readonly offset: number;
  /** No byte for this long is the end of it. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Is given every piece in its order, and awaited. What it throws ends the download and is thrown on. */
  readonly take: (data: Uint8Array) => Promise<void> | void;
}

export type DownloadEnd =
  /** The server has sent all that it has. */
  | { readonly was: "complete" }
  /** A gRPC status by its name; CANCELLED when nothing came for too long, or when it was stopped. */
  | { readonly was: "status"; readonly code: string };

export async function downloadRelease(options: DownloadOptions): Promise<DownloadEnd> {
  const { server, machineKey, version, offset, silenceMs, signal, take } = options;
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${machineKey}`);
  const client = new grpc.Client(server.target, channelCredentials(server), channelOptions(server));
  const asked = { version, offset: BigInt(offset) };
  const call = openServerStream(client, ReleaseService.method.download, asked, metadata);
  call.on("error", () => {}); // Whoever reads it is told; after that nobody is left to be.
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const silence = setTimeout(cancel, silenceMs);
  try {
    if (signal.aborted) cancel();
    for await (const { data } of call) {
      await take(data);
      silence.refresh();
    }
    return { was: "complete" };
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return { was: "status", code: grpc.status[error.code] ?? "UNKNOWN" };
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", cancel);
    call.cancel();
    client.close();
  }
}
