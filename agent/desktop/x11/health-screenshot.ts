// The screen's pixels by screenshot-desktop: other programs and another connection than `capture.ts`, for health screenshots.
//
// The library takes DISPLAY from the environment of its process. The agent's program has one desktop, and sets it there.
// Where it names another display than ours (several desktops in one process: tests) the library runs in a Node process of
// its own, which an executable cannot do.

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { libraryShot } from "../library-shot.ts";

const shotTimeoutMs = 20_000;
const pngBytesMax = 64 * 1024 * 1024;

/** A PNG of the whole screen of `display`. */
export function shootByOtherPrograms(display: string): Promise<Uint8Array> {
  return process.env["DISPLAY"] === display ? libraryShot() : shootElsewhere(display);
}

function shootElsewhere(display: string): Promise<Uint8Array> {
  const library = createRequire(import.meta.url).resolve("screenshot-desktop");
  const program =
    `require(${JSON.stringify(library)})({ format: "png" })` +
    ".then((png) => process.stdout.write(png), (error) => { console.error(error.message); process.exit(1); })";
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["-e", program],
      { encoding: "buffer", env: { ...process.env, DISPLAY: display }, maxBuffer: pngBytesMax, timeout: shotTimeoutMs },
      (error, stdout) =>
        error ? reject(new Error("the health screenshot failed", { cause: error })) : resolve(stdout),
    );
  });
}
