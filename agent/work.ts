// The agent's own process, under its supervisor: one agent on one desktop, until it is stopped or replaced. Loaded by the
// process that does the work alone, because a supervisor has to be small: it is there for as long as its machine.

import { setTimeout as sleep } from "node:timers/promises";
import { addressesOf } from "./addresses.ts";
import { runAgent } from "./agent.ts";
import type { Desktop } from "./desktop/desktop.ts";
import { simulatedDesktop } from "./desktop/simulated.ts";
import { simulatedNotes } from "./desktop/simulated-notes.ts";
import { simulatedSight } from "./desktop/simulated-sight.ts";
import { SimulatedWorld } from "./desktop/simulated-world.ts";
import { replaceable } from "./executable/program.ts";
import { textReadingFiles } from "./executable/text-reading.ts";
import { thisHost } from "./host/this-host.ts";
import { type AgentLog, logLine } from "./log.ts";
import { openRealDesktop, REAL_PLATFORM, realDesktopPulse, useDisplay } from "./real-desktop.ts";
import type { RunSettings } from "./settings.ts";
import type { Sight } from "./steps/sight.ts";
import type { GroupNews } from "./supervisor.ts";
import { EXIT_LOCKED, EXIT_REPLACE, EXIT_STOPPED, type ReleaseNews } from "./update/news.ts";

const EXIT_WRONG_SETTING = 2;
const STOP_WITHIN_MS = 1900;

/** Resolves with the exit status. */
export async function work(settings: RunSettings, log: AgentLog): Promise<number> {
  const [server, ...others] = addressesOf(settings);
  useDisplay(settings.display);
  const { desktop, sight } = await openDesktop(settings);
  // A supervisor that is no more is told nothing: to try is an error.
  const tell = (group: number, alive: boolean) =>
    void (process.connected && process.send?.({ group, alive } satisfies GroupNews));
  const groups = thisHost.processGroups(tell, settings.display);
  const replacing = replaceable && process.send && { replaceable: { ...replaceable, tell: tellOfReleases } };
  const agent = runAgent({ ...settings, server, others, desktop, sight, groups, log, ...replacing });
  const stop = () => void agent.stop();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
  // A dead supervisor would start another agent; this one must be gone by then.
  process.on("disconnect", stop);
  const end = await agent.done;
  await Promise.race([Promise.all([desktop.stop(), sight.stop()]), sleep(STOP_WITHIN_MS)]);
  if (end.why === "STOPPED") return process.send === undefined ? 0 : EXIT_STOPPED;
  if (end.why === "REPLACED") {
    await tellOfReleases({ release: "try", candidate: end.release });
    return EXIT_REPLACE;
  }
  const taken = `another agent of this machine is running; stop it first (state directory: ${settings.stateDir})`;
  logLine(`agent: ${taken}\n`);
  if (settings.logFile !== undefined) log.error(taken);
  return process.send === undefined ? EXIT_WRONG_SETTING : EXIT_LOCKED;
}

/** Resolves when the supervisor has it, or is no more. */
const tellOfReleases = (news: ReleaseNews): Promise<void> =>
  new Promise((resolve) => (process.send === undefined ? resolve() : process.send(news, () => resolve())));

async function openDesktop({ simulated }: RunSettings): Promise<{ desktop: Desktop; sight: Sight }> {
  if (simulated) {
    const world = new SimulatedWorld({ machine: "simulated", applications: [simulatedNotes()] });
    return { desktop: simulatedDesktop(world), sight: simulatedSight() };
  }
  // Imported here, because only a real desktop needs OCR and its system's libraries.
  const { reopeningDesktop } = await import("./desktop/reopening.ts");
  const { screenSight } = await import("./steps/screen-sight.ts");
  const pulse = await realDesktopPulse();
  const desktop = reopeningDesktop({ platform: REAL_PLATFORM, open: openRealDesktop, pulse });
  return { desktop, sight: screenSight(textReadingFiles()) };
}
