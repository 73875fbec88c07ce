// Releases of the agent program and their way onto the machines, for admins.

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { ServerFault } from "./errors.ts";
import { type Release, ReleaseService, type Rollout } from "./gen/drover/v1/release_pb.ts";
import { releasePieceBytes } from "./limits.ts";
import { pages } from "./pages.ts";

/** A release as its build describes it. */
export interface ReleaseWanted {
  version: string;
  /** `win32-x64` or `linux-x64`. */
  executable: string;
  /** SHA-256 of its bytes. */
  sha256: Uint8Array;
  /** Its Ed25519 signature by the release key. */
  signature: Uint8Array;
}

/** How to add a release. */
export interface AddReleaseOptions {
  /** Called after each piece. */
  onProgress?: ((receivedBytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** How to roll a version out. */
export interface RolloutOptions {
  /** How many machines go first; one in twenty without it. */
  canaries?: number | undefined;
  /** How long they have to stay attached with it; ten minutes without it. */
  soakMs?: number | undefined;
}

/** The part of the client that deals in releases. */
export function releasesOver(transport: Transport) {
  const service = createClient(ReleaseService, transport);

  return {
    /** Uploads a release. Broken off, it goes on where it was; done before, it changes nothing. */
    async addRelease(wanted: ReleaseWanted, content: Uint8Array, options: AddReleaseOptions = {}): Promise<Release> {
      const { signal } = options;
      const call = signal === undefined ? {} : { signal };
      const announced = await answer(
        service.addRelease({ ...wanted, sizeBytes: BigInt(content.length) }, call),
        signal,
      );
      let release = present(announced.release, "release");
      while (!release.complete) {
        const offset = Number(release.receivedBytes);
        const data = content.subarray(offset, offset + releasePieceBytes);
        if (data.length === 0)
          throw new ServerFault("The server has all of the release, and does not say that it is complete.");
        const piece = { releaseId: release.id, offset: BigInt(offset), data };
        release = present((await answer(service.uploadRelease(piece, call), signal)).release, "release");
        options.onProgress?.(Number(release.receivedBytes));
      }
      return release;
    },
    /** The releases, newest first. */
    releases(): AsyncGenerator<Release, void, undefined> {
      return pages(async (page) => {
        const { releases: rows, nextPageToken } = await answer(service.listReleases(page));
        return { rows, nextPageToken };
      });
    },
    /** Begins to bring a version onto the machines. */
    async startRollout(version: string, { canaries = 0, soakMs }: RolloutOptions = {}): Promise<Rollout> {
      const soak = soakMs === undefined ? {} : { soak: durationFromMs(soakMs) };
      return present((await answer(service.startRollout({ version, canaries, ...soak }))).rollout, "rollout");
    },
    /** The newest rollout, counted at this moment. */
    async rollout(): Promise<Rollout> {
      return present((await answer(service.getRollout({}))).rollout, "rollout");
    },
    /** No further machine is told of the version. May be repeated. */
    async stopRollout(): Promise<Rollout> {
      return present((await answer(service.stopRollout({}))).rollout, "rollout");
    },
    /** Goes on where it was stopped, without the machines that failed until then. May be repeated. */
    async resumeRollout(): Promise<Rollout> {
      return present((await answer(service.resumeRollout({}))).rollout, "rollout");
    },
  };
}
