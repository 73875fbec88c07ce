// `drover-agent capture`: one screenshot by the path that health screenshots take.

import { writeFileSync } from "node:fs";
import type { Desktop } from "./desktop/desktop.ts";
import { takeHealthShot } from "./doctor/checks.ts";
import { WrongSetting } from "./settings.ts";

/** Resolves with the exit code. */
export async function capture(outFile: string, openDesktop: () => Promise<Desktop>): Promise<number> {
  const desktop = await openDesktop().catch((error: Error) => {
    throw new WrongSetting(`${error.message}; drover-agent doctor says what to do`);
  });
  try {
    const { path, png, width, height, durationMs } = await takeHealthShot(desktop);
    writeFileSync(outFile, png);
    process.stdout.write(
      `${outFile}: ${width} x ${height}, ${png.length} bytes, by ${path} in ${Math.ceil(durationMs)} ms\n`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`agent: ${(error as Error).message}; drover-agent doctor says what is missing\n`);
    return 1;
  } finally {
    await desktop.stop();
  }
}
