// `drover-agent install` and `uninstall`: how the agent is to be started on this platform, from what was said to the command.

import { join, resolve } from "node:path";
import { runArguments } from "./command-line.ts";
import { thisHost } from "./host/this-host.ts";
import { loadIdentity } from "./identity.ts";
import { carryOut, type Plan, planText } from "./installation/installation.ts";
import { purge, requireStateDir } from "./installation/purge.ts";
import { requireSystemd, systemdPlan, systemdRemoval } from "./installation/systemd.ts";
import { taskPlan, taskRemoval } from "./installation/task.ts";
import type { InstallSettings, UninstallSettings } from "./settings.ts";

const onWindows = process.platform === "win32";
/** How long an agent that was told to stop may take before its state is removed. */
const END_WAIT_MS = 10_000;

/** Resolves with the exit code. The program is the one that is to be started, without its arguments. */
export function install({ run, print }: InstallSettings, program: readonly [string, ...string[]]): number {
  // A task has no console, and nothing keeps what it says; systemd keeps it in the journal.
  const alone = onWindows ? { background: true, logFile: run.logFile ?? join(run.stateDir, "agent.log") } : {};
  const command = [...program, ...runArguments({ ...run, ...alone }, (path) => resolve(path))] as const;
  if (!print) {
    // Without it the agent would end as soon as it is started, where nobody reads why.
    loadIdentity(run.stateDir);
    if (!onWindows) requireSystemd(command);
  }
  return done(onWindows ? taskPlan(command) : systemdPlan(command), print);
}

/** Resolves with the exit code. */
export async function uninstall({ purge: stateDir, print }: UninstallSettings): Promise<number> {
  // Before anything is undone.
  if (stateDir !== undefined) requireStateDir(stateDir);
  const code = done(onWindows ? taskRemoval() : systemdRemoval(), print);
  if (stateDir === undefined) {
    process.stdout.write(`${print ? "# " : ""}the state directory is kept; --purge DIR removes it too\n`);
    return code;
  }
  if (!print) await purge(stateDir, thisHost.lock(), END_WAIT_MS);
  process.stdout.write(print ? `# removes what the agent keeps in ${stateDir}\n` : `removed ${stateDir}\n`);
  return code;
}

function done(plan: Plan, print: boolean): number {
  if (print) process.stdout.write(planText(plan));
  else carryOut(plan, (line) => process.stdout.write(`${line}\n`));
  return 0;
}
