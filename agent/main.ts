// The agent as a program: `run` (a supervisor with an agent under it) and the commands around it. This file is the
// composition root; it is the only one that knows the process's signals and which desktop is real.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PROTOCOL_VERSION, runAgent } from "./agent.ts";
import { capture } from "./capture.ts";
import { readSettings } from "./command-line.ts";
import { enrol, NotEnrolled } from "./connection/enrolment.ts";
import { type ServerAddress, serverAddress } from "./connection/server-address.ts";
import type { Desktop } from "./desktop/desktop.ts";
import { simulatedDesktop } from "./desktop/simulated.ts";
import { simulatedNotes } from "./desktop/simulated-notes.ts";
import { simulatedSight } from "./desktop/simulated-sight.ts";
import { SimulatedWorld } from "./desktop/simulated-world.ts";
import { diagnose, examineHere } from "./doctor/doctor.ts";
import { AGENT_VERSION, replaceable, thisProgram } from "./executable/program.ts";
import { placeScreenCapture } from "./executable/screen-capture.ts";
import { textReadingFiles } from "./executable/text-reading.ts";
import { thisHost } from "./host/this-host.ts";
import { loadIdentity } from "./identity.ts";
import { install, uninstall } from "./install.ts";
import { NotInstalled } from "./installation/installation.ts";
import { type AgentLog, jsonLog, logLine, plainLog } from "./log.ts";
import { logFile } from "./log-file.ts";
import {
  type DoctorSettings,
  type EnrolSettings,
  type RunSettings,
  type ServerSettings,
  WrongSetting,
} from "./settings.ts";
import type { Sight } from "./steps/sight.ts";
import { type GroupNews, superviseAgent } from "./supervisor.ts";
import { EXIT_LOCKED, EXIT_REPLACE, EXIT_STOPPED, type ReleaseNews } from "./update/news.ts";
import { Succession } from "./update/succession.ts";

const EXIT_FAILED = 1;
const EXIT_WRONG_SETTING = 2;
const STOP_WITHIN_MS = 1900;
const REAL_PLATFORM = process.platform === "win32" ? "windows" : "x11";

async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args, AGENT_VERSION);
  switch (settings.does) {
    case "tell":
      process.stdout.write(settings.text);
      return settings.asked ? 0 : EXIT_WRONG_SETTING;
    case "enrol":
      return enrolMachine(settings, addressesOf(settings)[0]);
    case "run":
      return run(args, settings);
    case "doctor":
      return doctor(args, settings);
    case "capture":
      useDisplay(settings.display);
      return capture(settings.outFile, openRealDesktop);
    case "install":
      addressesOf(settings.run);
      return install(settings, thisProgram());
    case "uninstall":
      return uninstall(settings);
  }
}

/** Where the log goes, and what ended the program. */
let write = logLine;

async function run(args: readonly string[], settings: RunSettings): Promise<number> {
  const [server, ...others] = addressesOf(settings);
  if (settings.logFile !== undefined) write = logFile(settings.logFile);
  if (settings.background) thisHost.leaveConsole();
  const { machineId } = loadIdentity(settings.stateDir);
  const log = settings.logJson ? jsonLog(machineId, write) : plainLog(write);
  return settings.supervised ? supervise(args, settings, log) : work(settings, server, others, log);
}

function doctor(args: readonly string[], settings: DoctorSettings): Promise<number> {
  const urls = settings.server?.server.split(",") ?? [];
  const addresses = settings.server === undefined ? [] : addressesOf(settings.server);
  const servers = addresses.map((address, index) => ({ url: (urls[index] ?? "").trim(), address }));
  useDisplay(settings.display);
  if (settings.examiner) return examineHere(settings, servers, PROTOCOL_VERSION, openRealDesktop);
  return diagnose(args, settings);
}

/** What this process starts, screenshot-desktop's programs included, is to see the same display. */
function useDisplay(display: string | undefined): void {
  if (display !== undefined) process.env["DISPLAY"] = display;
}

function addressesOf(settings: ServerSettings): [ServerAddress, ...ServerAddress[]] {
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

async function supervise(
  args: readonly string[],
  { stateDir, background }: RunSettings,
  log: AgentLog,
): Promise<number> {
  const succession = replaceable && new Succession({ stateDir, installedVersion: AGENT_VERSION, log });
  const command = [...thisProgram(), ...args, "--unsupervised"] as const;
  const supervisor = superviseAgent({ command, log, background, ...(succession && { succession }) });
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
  return { desktop: reopeningDesktop(REAL_PLATFORM, openRealDesktop), sight: screenSight(textReadingFiles()) };
}

async function openRealDesktop(): Promise<Desktop> {
  if (REAL_PLATFORM === "windows") {
    placeScreenCapture();
    const { openWindowsDesktop } = await import("./desktop/windows.ts");
    return openWindowsDesktop();
  }
  const { openX11Desktop } = await import("./desktop/x11.ts");
  return openX11Desktop();
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    // What a person can put right is one line; only a bug shows where it was.
    const plain = [WrongSetting, NotEnrolled, NotInstalled].some((kind) => error instanceof kind);
    write(`agent: ${plain ? error.message : (error.stack ?? error.message)}\n`);
    process.exit(error instanceof WrongSetting ? EXIT_WRONG_SETTING : EXIT_FAILED);
  },
);
