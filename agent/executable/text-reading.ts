// Where an executable's reader of text has its worker and its data. From the sources they are found in their packages.

import { join } from "node:path";
import { isExecutable, TEXT_DATA_ASSET, TEXT_WORKER_ASSET } from "./assets.ts";
import { extracted } from "./extraction.ts";

export function textReadingFiles(): { readonly workerPath?: string; readonly dataDir?: string } {
  if (!isExecutable) return {};
  const folder = extracted(TEXT_WORKER_ASSET, TEXT_DATA_ASSET);
  return { workerPath: join(folder, TEXT_WORKER_ASSET), dataDir: folder };
}
