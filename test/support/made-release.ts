// Releases for tests: any bytes at all, signed as the build signs an executable.

import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type WantedRelease, WantedReleaseSchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { describe, signed } from "../../deploy/agent-build/release.ts";

export const releaseKey: KeyObject = generateKeyPairSync("ed25519").privateKey;

/** As agents have it inside. */
export const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: "spki", format: "der" });

/** What a server says in `WantedRelease` of these bytes. */
export function wantedRelease(
  version: string,
  bytes: Buffer,
  { key = releaseKey, executable = "linux-x64" as "linux-x64" | "win32-x64" } = {},
): WantedRelease {
  const { sizeBytes, sha256, signature } = signed(describe(bytes, version, executable), key);
  return create(WantedReleaseSchema, {
    ...{ version, executable, sizeBytes: BigInt(sizeBytes) },
    sha256: Buffer.from(sha256, "hex"),
    signature: Buffer.from(signature, "base64"),
  });
}
