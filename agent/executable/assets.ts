// The files that are inside an executable, by the names that the build gave them (deploy/agent-build). Run from its
// sources, the agent has none of them, and finds the same things in its packages.

import { getRawAsset, isSea } from "node:sea";

/** Whether this process is an executable of its own, and not Node with the agent's sources. */
export const isExecutable: boolean = isSea();

export const LABEL_ASSET = "label";
export const KOFFI_ASSET = "koffi.node";
export const TEXT_WORKER_ASSET = "text-worker.cjs";
export const TEXT_DATA_ASSET = "eng.traineddata.gz";
export const SCREEN_CAPTURE_ASSETS = ["screenCapture_1.3.2.bat", "app.manifest"] as const;

/** Not to be written to: it is the executable's own memory. */
export function assetBytes(name: string): Buffer {
  return Buffer.from(getRawAsset(name));
}
