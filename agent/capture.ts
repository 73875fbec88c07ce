// `drover-agent capture`: one screenshot by the path that health screenshots take. Two processes, as the doctor has: a
// desktop that hangs takes the whole process with it that looks.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Desktop } from "./desktop/desktop.ts";
import { takeHealthShot } from "./doctor/checks.ts";
import { WrongSetting } from "./settings.ts";

/** More than the time limit of the slower path. */
const WITHIN_MS = 30_000;

/** Runs the process that looks; answers its exit code. */
export function captureInTime([program, ...args]: readonly [string, ...string[]], withinMs = WITHIN_MS): number {
  const limits = { timeout: withinMs, killSignal: "SIGKILL" } as const;
  const { status, error } = spawnSync(program, args, { stdio: "inherit", windowsHide: true, ...limits });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT") {
    process.stderr.write(`agent: no picture came within ${withinMs / 1000} s; drover-agent doctor says what hangs\n`);
  }
  return status ?? 1;
}

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
