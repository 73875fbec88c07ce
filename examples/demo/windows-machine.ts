// The Windows machines of the demo: Wine sessions, and the agent's executable for Windows, built from these sources.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeWinePrefix, startWineSession, type WineSession, winePath } from "../../agent/desktop/wine-session.ts";
import manifest from "../../agent/package.json" with { type: "json" };
import { gatherIngredients, makeExecutables } from "../../deploy/agent-build/executables.ts";
import { fileNames } from "../../deploy/agent-build/platforms.ts";
import { labelled, replaceFile } from "../../deploy/agent-build/release.ts";
import { type MachinePlan, sessionWithin } from "./machine.ts";

const platform = "win32-x64";

/** What all Windows machines of a demo are made from. */
export interface WindowsParts {
  readonly executable: string;
  /** The prefix that each session has a copy of. */
  readonly prefix: string;
}

export async function makeWindowsParts(root: string, say: (line: string) => void): Promise<WindowsParts> {
  const prefix = join(root, "wine");
  const executable = join(root, fileNames[platform]);
  const build = async () => {
    const unlabelled = join(root, "agent-build");
    await makeExecutables([platform], await gatherIngredients(), unlabelled, say);
    const made = readFileSync(join(unlabelled, fileNames[platform]));
    replaceFile(executable, labelled(made, manifest.version, undefined), 0o755);
  };
  await Promise.all([build(), makeWinePrefix(prefix, sessionWithin(root))]);
  return { executable, prefix };
}

/** The folder of its drive C that runs work in, as Windows calls it. */
export const windowsFolder = "C:\\notes";

export interface WindowsMachinePlan extends MachinePlan {
  readonly parts: WindowsParts;
  readonly applications: readonly string[];
}

/** Gives what this system calls its folder for runs. */
export async function startWindowsMachine(plan: WindowsMachinePlan): Promise<string> {
  const { name, root, agentUrl, parts } = plan;
  const session = await startWineSession({ ...sessionWithin(root), template: parts.prefix });
  // Ends its programs as well.
  plan.onStop(() => session.stop());
  const folder = join(session.prefix, "drive_c", "notes");
  mkdirSync(folder);

  const logFile = join(root, `${name}.log`);
  const where = ["--server", agentUrl, "--state", winePath(join(root, name))];
  const asked = ["--token-file", winePath(plan.tokenFile), "--name", name];
  const code = await start(session, [parts.executable, "enrol", ...where, ...asked], logFile);
  if (code !== 0) throw new Error(`${name} could not be enrolled:\n${readFileSync(logFile, "utf8")}`);
  const offers = plan.applications.flatMap((application) => ["--application", application]);
  void start(session, [parts.executable, "run", ...where, ...offers, "--log-json"], logFile);
  return folder;
}

/** Resolves with the exit code. Under Wine, what a Node process writes must go to a file. */
async function start(session: WineSession, command: readonly string[], logFile: string): Promise<number | null> {
  const log = openSync(logFile, "a", 0o600);
  // A group of its own: Ctrl-C reaches the demo alone, which ends its machines in order.
  const { env, dir } = session;
  const child = spawn("wine", command, { env, cwd: dir, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const [code] = await once(child, "exit");
  return code as number | null;
}
