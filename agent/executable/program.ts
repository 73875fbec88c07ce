// Which program this process runs: its version, and how a newer one would be recognised.

import manifest from "../package.json" with { type: "json" };
import { assetBytes, isExecutable, LABEL_ASSET } from "./assets.ts";
import { type Label, readLabel } from "./label.ts";

const label: Label = isExecutable ? readLabel(assetBytes(LABEL_ASSET)) : { version: manifest.version, releaseKey: "" };

export const AGENT_VERSION: string = label.version;

/** Of an executable that can be replaced by a newer one: which it is, and the key that the newer one is signed with. */
export const replaceable: { readonly executable: string; readonly releaseKey: Buffer } | undefined =
  label.releaseKey === ""
    ? undefined
    : { executable: `${process.platform}-${process.arch}`, releaseKey: Buffer.from(label.releaseKey, "base64") };

/** The command that starts this program once more, before its arguments. */
export function thisProgram(): readonly [string, ...string[]] {
  const source = process.argv[1];
  // An executable's own name stands where Node has the program's file.
  return isExecutable || source === undefined
    ? [process.execPath, ...process.execArgv]
    : [process.execPath, ...process.execArgv, source];
}
