// Health screenshots by screenshot-desktop: other programs, another connection, another way to the pixels than
// `capture.ts`, so that one broken path does not hide behind itself.
//
// The library takes DISPLAY from the environment of its process. The agent's program has one desktop, and sets it there.
// Where it names another display than ours (several desktops in one process: tests) the library runs in a Node process of
// its own, which an executable cannot do.

import { execFile } from "node:child_process";
import { createRequire } from "node:module";

const shotTimeoutMs = 20_000;
const pngBytesMax = 64 * 1024 * 1024;

export class HealthScreenshots {
  readonly #display: string;
  #underWay: Promise<Uint8Array> | undefined;

  constructor(display: string) {
    this.#display = display;
  }

  /** Callers that come while a shot is being taken share it: each costs two processes and 100 ms of a core. */
  take(): Promise<Uint8Array> {
    this.#underWay ??= this.#shoot().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #shoot(): Promise<Uint8Array> {
    const png = process.env["DISPLAY"] === this.#display ? await shootHere() : await shootElsewhere(this.#display);
    if (png.length < 8 || png[0] !== 0x89 || png[1] !== 0x50) throw new Error("the health screenshot is not a PNG");
    return png;
  }
}

async function shootHere(): Promise<Uint8Array> {
  const { default: screenshot } = await import("screenshot-desktop");
  return await screenshot({ format: "png" });
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
