// The agent as a program: `run` (a supervisor with an agent under it) and `enrol`. This file is the composition root; it
// is the only one that knows the command line, the process's signals and which desktop is real.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { runAgent } from "./agent.ts";
import { readSettings } from "./command-line.ts";
import { enrol, NotEnrolled } from "./connection/enrolment.ts";
import { type ServerAddress, serverAddress } from "./connection/server-address.ts";
import type { Desktop } from "./desktop/desktop.ts";
import { simulatedDesktop } from "./desktop/simulated.ts";
import { simulatedNotes } from "./desktop/simulated-notes.ts";
import { simulatedSight } from "./desktop/simulated-sight.ts";
import { SimulatedWorld } from "./desktop/simulated-world.ts";
import { AGENT_VERSION, replaceable, thisProgram } from "./executable/program.ts";
import { placeScreenCapture } from "./executable/screen-capture.ts";
import { textReadingFiles } from "./executable/text-reading.ts";
import { thisHost } from "./host/this-host.ts";
import { loadIdentity } from "./identity.ts";
import { type AgentLog, jsonLog, logLine, plainLog } from "./log.ts";
import { type EnrolSettings, type RunSettings, WrongSetting } from "./settings.ts";
import type { Sight } from "./steps/sight.ts";
import { type GroupNews, superviseAgent } from "./supervisor.ts";
import { EXIT_LOCKED, EXIT_REPLACE, type ReleaseNews } from "./update/news.ts";
import { Succession } from "./update/succession.ts";

const EXIT_FAILED = 1;
const EXIT_WRONG_SETTING = 2;
const STOP_WITHIN_MS = 1900;

async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args, AGENT_VERSION);
  if (settings.does === "tell") {
    process.stdout.write(settings.text);
    return settings.asked ? 0 : EXIT_WRONG_SETTING;
  }
  if (settings.does !== "run" && settings.does !== "enrol") throw new WrongSetting("not yet");
  const [server, ...others] = addressesOf(settings);
  if (settings.does === "enrol") return enrolMachine(settings, server);
  const { machineId } = loadIdentity(settings.stateDir);
  const log = settings.logJson ? jsonLog(machineId) : plainLog();
  return settings.supervised ? supervise(args, settings, log) : work(settings, server, others, log);
}

function addressesOf(settings: RunSettings | EnrolSettings): [ServerAddress, ...ServerAddress[]] {
  const { server, insecure, authoritiesFile } = settings;
  const authorities = authoritiesFile === undefined ? {} : { authorities: readSetting("--ca", authoritiesFile) };
  const [first = "", ...others] = server.split(",");
  const addressOf = (url: string) => serverAddress(url.trim(), { insecure, ...authorities });
  return [addressOf(first), ...others.map(addressOf)];
}

async function enrolMachine({ tokenFile, name, stateDir }: EnrolSettings, server: ServerAddress): Promise<number> {
  const token = readSetting("--token-file", tokenFile === "-" ? 0 : tokenFile)
    .toString("utf8")
    .trim();
  const { machineId } = await enrol({ server, token, name, stateDir });
  process.stdout.write(`${machineId}\n`);
  return 0;
}

function readSetting(option: string, file: string | number): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new WrongSetting(`${option}: ${(error as Error).message}`);
  }
}

async function supervise(args: readonly string[], { stateDir }: RunSettings, log: AgentLog): Promise<number> {
  const succession = replaceable && new Succession({ stateDir, installedVersion: AGENT_VERSION, log });
  const command = [...thisProgram(), ...args, "--unsupervised"] as const;
  const supervisor = superviseAgent({ command, log, ...(succession && { succession }) });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const) {
    process.on(signal, () => supervisor.signal(signal === "SIGHUP" ? "SIGTERM" : signal));
  }
  return supervisor.done;
}

async function work(
  settings: RunSettings,
  server: ServerAddress,
  others: readonly ServerAddress[],
  log: AgentLog,
): Promise<number> {
  // What this process starts, screenshot-desktop's programs included, is to see the same display.
  if (settings.display !== undefined) process.env["DISPLAY"] = settings.display;
  const { desktop, sight } = await openDesktop(settings);
  const tell = (group: number, alive: boolean) => process.send?.({ group, alive } satisfies GroupNews);
  const groups = thisHost.processGroups(tell, settings.display);
  const replacing = replaceable && process.send && { replaceable: { ...replaceable, tell: tellOfReleases } };
  const agent = runAgent({ ...settings, server, others, desktop, sight, groups, log, ...replacing });
  const stop = () => void agent.stop();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
  // A dead supervisor would start another agent; this one must be gone by then.
  process.on("disconnect", stop);
  const end = await agent.done;
  await Promise.race([Promise.all([desktop.stop(), sight.stop()]), sleep(STOP_WITHIN_MS)]);
  if (end.why === "STOPPED") return 0;
  if (end.why === "REPLACED") {
    await tellOfReleases({ release: "try", candidate: end.release });
    return EXIT_REPLACE;
  }
  const taken = `another agent of this machine is running; stop it first (state directory: ${settings.stateDir})`;
  logLine(`agent: ${taken}\n`);
  return process.send === undefined ? EXIT_WRONG_SETTING : EXIT_LOCKED;
}

/** Resolves when the supervisor has it, or is no more. */
const tellOfReleases = (news: ReleaseNews): Promise<void> =>
  new Promise((resolve) => (process.send === undefined ? resolve() : process.send(news, () => resolve())));

async function openDesktop({ simulated, display }: RunSettings): Promise<{ desktop: Desktop; sight: Sight }> {
  if (simulated) {
    const world = new SimulatedWorld({ machine: "simulated", applications: [simulatedNotes()] });
    return { desktop: simulatedDesktop(world), sight: simulatedSight() };
  }
  // Imported here, because only a real desktop needs Xlib and OCR.
  const { reopeningDesktop } = await import("./desktop/reopening.ts");
  const { openX11Desktop } = await import("./desktop/x11.ts");
  const { screenSight } = await import("./steps/screen-sight.ts");
  placeScreenCapture();
  const open = () => openX11Desktop(display === undefined ? {} : { display });
  return { desktop: reopeningDesktop("x11", open), sight: screenSight(textReadingFiles()) };
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    // What a person can put right is one line; only a bug shows where it was.
    const plain = error instanceof WrongSetting || error instanceof NotEnrolled;
    logLine(`agent: ${plain ? error.message : (error.stack ?? error.message)}\n`);
    process.exit(error instanceof WrongSetting ? EXIT_WRONG_SETTING : EXIT_FAILED);
  },
);
