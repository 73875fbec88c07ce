// What an executable says of itself: its version, and the public key that its successors must be signed with. It is a block
// of fixed length that the build writes into an executable that is otherwise done, so that two versions of one program
// differ in nothing else.

export interface Label {
  readonly version: string;
  /** Ed25519, as SPKI in DER and base64. Empty: this agent takes no other version. */
  readonly releaseKey: string;
}

export const LABEL_BYTES = 512;
const title = "drover-agent label\n";

/** What a version may look like; it is part of file names, and of a message of lines that is signed. */
export const VERSION_PATTERN = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/;

/** What stands in an executable before it has a label. */
export const blankLabel: Buffer = Buffer.from(title.padEnd(LABEL_BYTES));

export function labelBytes(label: Label): Buffer {
  if (!VERSION_PATTERN.test(label.version))
    throw new Error("an agent's version is up to 64 letters, digits, . + and -");
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
