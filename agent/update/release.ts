// A release of the agent program, and whether an agent takes it as its successor. Pure.
//
// 1. An agent takes what its own release key has signed, and nothing else. The signature covers version, platform, length
//    and digest, so that a control plane cannot pass one release off as another.
// 2. It never goes back: an older release may have faults that are known by now. A release that does not attach is another
//    matter: then the one before comes back (`trial.ts`), which this machine ran a minute ago.

import { createPublicKey, verify } from "node:crypto";
import type { WantedRelease } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { isNewer, isVersion } from "./version.ts";

/** A release as it lies on a disk. */
export interface Release {
  readonly version: string;
  readonly sizeBytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
}

/** A release as the control plane offers it. */
export interface OfferedRelease extends Release {
  readonly executable: string;
  readonly signature: Uint8Array;
}

/** The program that would be replaced. */
export interface RunningRelease {
  readonly version: string;
  /** `win32-x64` or `linux-x64`. */
  readonly executable: string;
  /** Ed25519, as SPKI in DER. */
  readonly releaseKey: Buffer;
}

/** Two and a half times what an executable has now. */
export const RELEASE_BYTES_MAX = 300 * 1024 * 1024;

export function offeredRelease({ version, executable, sizeBytes, sha256, signature }: WantedRelease): OfferedRelease {
  return { version, executable, sizeBytes: Number(sizeBytes), sha256: Buffer.from(sha256).toString("hex"), signature };
}

/** Why an agent does not take a release, before a byte of it is there; undefined if it does. */
export type Refusal =
  | { readonly fault: "UNFIT"; readonly because: string }
  | { readonly fault: "SIGNATURE"; readonly because: string };

export function refusal(offered: OfferedRelease, running: RunningRelease | undefined): Refusal | undefined {
  const unfit = (because: string): Refusal => ({ fault: "UNFIT", because });
  if (running === undefined)
    return unfit("this agent runs from source, unsupervised, or was built without a release key");
  if (!isVersion(offered.version)) return unfit("its version is not of the form 1.2.3 or 1.2.3-rc.1");
  if (offered.executable !== running.executable) return unfit("it is for another platform");
  if (!isNewer(offered.version, running.version)) return unfit("it is no newer than the one that runs");
  if (offered.sizeBytes < 1 || offered.sizeBytes > RELEASE_BYTES_MAX) {
    return unfit(`it is empty or larger than ${RELEASE_BYTES_MAX} bytes`);
  }
  if (isSigned(offered, running.releaseKey)) return undefined;
  return { fault: "SIGNATURE", because: "it is not signed by the key that this agent was built with" };
}

function isSigned({ signature, ...release }: OfferedRelease, releaseKey: Buffer): boolean {
  const { version, executable, sizeBytes, sha256 } = release;
  const lines = ["drover-agent-release", version, executable, `${sizeBytes}`, sha256];
  const message = Buffer.from(lines.map((line) => `${line}\n`).join(""), "ascii");
  return verify(null, message, createPublicKey({ key: releaseKey, format: "der", type: "spki" }), signature);
}
