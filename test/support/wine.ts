// Windows desktops for tests: Wine sessions (agent/desktop/wine-session.ts) from one prefix for the whole test run, which
// the first test that wants it makes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeWinePrefix, startWineSession, type WineSession } from "../../agent/desktop/wine-session.ts";
import { until } from "../agent/desktop/until.ts";

const madeWithinMs = 120_000;
let own: string | undefined;

/** The folder of this test run's prefixes: the runner's, or one that ends with this process. */
function folder(): string {
  const shared = process.env["DROVER_TEST_DIRECTORY"];
  if (shared !== undefined) return shared;
  if (own === undefined) {
    const made = mkdtempSync(join(tmpdir(), "drover-test-wine-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    own = made;
  }
  return own;
}

async function template(): Promise<string> {
  const prefix = join(folder(), "wine-template");
  if (existsSync(prefix)) return prefix;
  try {
    // Test files run side by side, and only one of them makes it.
    mkdirSync(`${prefix}.making`);
  } catch {
    return until(
      "another test has made the Wine prefix",
      () => (existsSync(prefix) ? prefix : undefined),
      madeWithinMs,
    );
  }
  await makeWinePrefix(prefix);
  return prefix;
}

export async function startTestWine(): Promise<WineSession> {
  const run = process.env["DROVER_TEST_RUN"];
  return startWineSession({ template: await template(), ...(run !== undefined && { env: { DROVER_TEST_RUN: run } }) });
}

export interface WineProgram {
  /** Of the Unix process that is the Windows program. */
  readonly pid: number;
  readonly ended: Promise<number | null>;
  /** Everything it has written so far. Under Wine, Node's stdout must be a file. */
  output(): string;
}

/** Starts a Windows program in a session. */
export function startUnderWine(
  session: WineSession,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): WineProgram {
  const file = join(session.dir, `output-${crypto.randomUUID()}`);
  const output = openSync(file, "w");
  const child = spawn("wine", [program, ...args], {
    env: { ...session.env, ...env },
    cwd: session.dir,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  return {
    pid: child.pid ?? 0,
    ended: once(child, "exit").then(([code]) => code as number | null),
    output: () => readFileSync(file, "utf8"),
  };
}
