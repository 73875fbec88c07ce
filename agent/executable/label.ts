// What an executable says of itself: its version, and the public key that its successors must be signed with. It is a block
// of fixed length that the build writes into an executable that is otherwise done, so that two versions of one program
// differ in nothing else.

import { isVersion } from "../update/version.ts";

export interface Label {
  readonly version: string;
  /** Ed25519, as SPKI in DER and base64. Empty: this agent takes no other version. */
  readonly releaseKey: string;
}

export const LABEL_BYTES = 512;
const title = "drover-agent label\n";

/** What stands in an executable before it has a label. */
export const blankLabel: Buffer = Buffer.from(title.padEnd(LABEL_BYTES));

export function labelBytes(label: Label): Buffer {
  if (!isVersion(label.version)) throw new Error("an agent's version is like 1.2.3 or 1.2.3-rc.1");
  const text = Buffer.from(title + JSON.stringify(label));
  if (text.length > LABEL_BYTES) throw new Error("the label is too long");
  return Buffer.concat([text], LABEL_BYTES).fill(" ", text.length);
}

export function readLabel(bytes: Uint8Array): Label {
  const text = Buffer.from(bytes).toString("utf8");
  if (bytes.length !== LABEL_BYTES || !text.startsWith(title)) throw new Error("this executable has no label");
  const { version, releaseKey } = JSON.parse(text.slice(title.length)) as Label;
  return { version, releaseKey };
}

/** The label within an executable's file; undefined if there is none, or more than one. */
export function findLabel(executable: Buffer): Label | undefined {
  const start = Buffer.from(`${title}{`);
  const at = executable.indexOf(start);
  if (at < 0 || executable.indexOf(start, at + 1) >= 0) return undefined;
  return readLabel(executable.subarray(at, at + LABEL_BYTES));
}
