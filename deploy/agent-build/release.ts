// Makes a release of an executable: its label, its digest, and what a signature says of it. What is signed is told at
// `WantedRelease.signature` in proto/drover/agent/v1/channel.proto.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { blankLabel, findLabel, labelBytes } from "../../agent/executable/label.ts";
import { BuildRefused, type Platform } from "./platforms.ts";

/** What stands beside a release, in its `.release.json`: all that a control plane has to know to offer it. */
export interface Release {
  readonly version: string;
  readonly executable: Platform;
  readonly sizeBytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
  /** Ed25519, in base64. */
  readonly signature: string;
}

export type Made = Omit<Release, "signature">;

/** Writes an executable that is `version`, and takes as its successor what is signed with the key. */
export function labelled(executable: Buffer, version: string, releaseKey: KeyObject | undefined): Buffer {
  const at = executable.indexOf(blankLabel);
  if (at < 0 || executable.indexOf(blankLabel, at + 1) >= 0)
    throw new Error("the executable has no single blank label");
  const label = labelBytes({ version, releaseKey: releaseKey === undefined ? "" : publicKeyOf(releaseKey) });
  const result = Buffer.from(executable);
  label.copy(result, at);
  return result;
}

const publicKeyOf = (releaseKey: KeyObject): string =>
  createPublicKey(releaseKey).export({ type: "spki", format: "der" }).toString("base64");

/** The release that an executable is that was signed by its user's own means since it was built. */
export function signedAgain(path: string, platform: Platform, releaseKey: KeyObject): Release {
  let executable: Buffer;
  try {
    executable = readFileSync(path);
  } catch {
    throw new BuildRefused(`${path} cannot be read: build it first`);
  }
  const label = findLabel(executable);
  if (label === undefined) throw new BuildRefused(`${path} is no executable that this build made`);
  if (label.releaseKey !== publicKeyOf(releaseKey)) {
    throw new BuildRefused(`${path} was built with another release key: agents would refuse its successors`);
  }
  return signed(describe(executable, label.version, platform), releaseKey);
}

export function describe(executable: Buffer, version: string, platform: Platform): Made {
  const sha256 = createHash("sha256").update(executable).digest("hex");
  return { version, executable: platform, sizeBytes: executable.length, sha256 };
}

export function signed(made: Made, releaseKey: KeyObject): Release {
  const lines = ["drover-agent-release", made.version, made.executable, `${made.sizeBytes}`, made.sha256];
  const message = Buffer.from(lines.map((line) => `${line}\n`).join(""), "ascii");
  return { ...made, signature: sign(null, message, releaseKey).toString("base64") };
}

/** Reads an Ed25519 private key, PKCS #8 in PEM. Says nothing of its content. */
export function readReleaseKey(file: string): KeyObject {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw new BuildRefused(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (pem.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----")) {
    throw new BuildRefused(
      `${file} is encrypted, and the build asks for no passphrase: openssl pkey -in FILE -out PLAIN`,
    );
  }
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Said below, without the words of a parser that has seen the key.
  }
  if (key?.asymmetricKeyType !== "ed25519") throw new BuildRefused(`${file} is no Ed25519 private key in PEM`);
  return key;
}

/** Whoever looks meanwhile sees the old file or the new one. */
export function replaceFile(path: string, content: Buffer | string, mode: number): void {
  const unfinished = `${path}.${process.pid}`;
  rmSync(unfinished, { force: true });
  try {
    writeFileSync(unfinished, content, { mode });
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}
