// Stands in for the package koffi inside an executable, where its native part is an asset. The build puts this file in
// koffi's place; from the sources nobody imports it.

import { join } from "node:path";
import type koffi from "koffi";
import manifest from "../package.json" with { type: "json" };
import { KOFFI_ASSET } from "./assets.ts";
import { CACHE_REMEDY, extracted } from "./extraction.ts";

type Koffi = typeof koffi;

function loadKoffi(): Koffi {
  const module: { exports: Koffi } = { exports: {} as Koffi };
  process.dlopen(module, join(extracted(KOFFI_ASSET), KOFFI_ASSET));
  // The package's own check: the declarations that the agent is compiled with are of this version.
  if (module.exports.version !== manifest.dependencies.koffi)
    throw new Error("the executable has another koffi inside");
  return module.exports;
}

/** Nothing of the agent works without it, and it is loaded before the program's own first line. */
function loadOrEnd(): Koffi {
  try {
    return loadKoffi();
  } catch (error) {
    const why = (error as Error).message;
    process.stderr.write(`agent: the native addon cannot be loaded (${why}): ${CACHE_REMEDY}\n`);
    process.exit(1);
  }
}

export default loadOrEnd();
