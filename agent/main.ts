// The agent as a program: `run` (a supervisor with an agent under it) and the commands around it. This file is the
// composition root. What a command needs is loaded by that command, so that a supervisor stays small.

import { readSettings } from "./command-line.ts";
import { AGENT_VERSION, replaceable, thisProgram } from "./executable/program.ts";
import { thisHost } from "./host/this-host.ts";
import { loadIdentity } from "./identity.ts";
import { type AgentLog, jsonLog, logLine, plainLog } from "./log.ts";
import { logFile, requireLogFile } from "./log-file.ts";
import {
  type CaptureSettings,
  type DoctorSettings,
  type EnrolSettings,
  type RunSettings,
  WrongSetting,
} from "./settings.ts";
import { superviseAgent } from "./supervisor.ts";
import { traceOf } from "./trace.ts";
import { Succession } from "./update/succession.ts";

const EXIT_FAILED = 1;
const EXIT_WRONG_SETTING = 2;

async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args, AGENT_VERSION);
  switch (settings.does) {
    case "tell":
      process.stdout.write(settings.text);
      return settings.asked ? 0 : EXIT_WRONG_SETTING;
    case "enrol":
      return enrolMachine(settings);
    case "run":
      return run(args, settings);
    case "doctor":
      return doctor(args, settings);
    case "capture":
      return takeShot(args, settings);
    case "install": {
      const [{ addressesOf }, { install }] = await Promise.all([import("./addresses.ts"), import("./install.ts")]);
      addressesOf(settings.run);
      return install(settings, thisProgram());
    }
    case "uninstall":
      return (await import("./install.ts")).uninstall(settings);
  }
}

/** Where the log goes when it does not go to stderr. What ended the program is told on both. */
let inFile: ((line: string) => void) | undefined;

async function run(args: readonly string[], settings: RunSettings): Promise<number> {
  if (settings.logFile !== undefined) {
    // An agent under its supervisor has nobody to tell, and ends for no log.
    if (process.send === undefined) requireLogFile(settings.logFile);
    inFile = logFile(settings.logFile);
  }
  if (settings.background) thisHost.leaveConsole();
  const { machineId } = loadIdentity(settings.stateDir);
  const log = settings.logJson ? jsonLog(machineId, inFile) : plainLog(inFile);
  process.on("uncaughtExceptionMonitor", (error) =>
    log.error("an error ends this process", { detail: traceOf(error) }),
  );
  return settings.supervised ? supervise(args, settings, log) : (await import("./work.ts")).work(settings, log);
}

async function doctor(args: readonly string[], settings: DoctorSettings): Promise<number> {
  const [{ addressesOf }, { PROTOCOL_VERSION }] = await Promise.all([import("./addresses.ts"), import("./agent.ts")]);
  const [{ diagnose, examineHere }, { openRealDesktop, useDisplay }] = await Promise.all([
    import("./doctor/doctor.ts"),
    import("./real-desktop.ts"),
  ]);
  const urls = settings.server?.server.split(",") ?? [];
  const addresses = settings.server === undefined ? [] : addressesOf(settings.server);
  const servers = addresses.map((address, index) => ({ url: (urls[index] ?? "").trim(), address }));
  useDisplay(settings.display);
  if (settings.examiner) return examineHere(settings, servers, PROTOCOL_VERSION, openRealDesktop);
  return diagnose(args, settings);
}

async function takeShot(args: readonly string[], { display, outFile, examiner }: CaptureSettings): Promise<number> {
  const [{ capture, captureInTime }, { openRealDesktop, useDisplay }] = await Promise.all([
    import("./capture.ts"),
    import("./real-desktop.ts"),
  ]);
  if (!examiner) return captureInTime([...thisProgram(), ...args, "--examiner"]);
  useDisplay(display);
  return capture(outFile, openRealDesktop);
}

async function enrolMachine(settings: EnrolSettings): Promise<number> {
  const [{ addressesOf, readSetting }, { enrol }] = await Promise.all([
    import("./addresses.ts"),
    import("./connection/enrolment.ts"),
  ]);
  const { tokenFile, name, stateDir } = settings;
  const [server] = addressesOf(settings);
  const token = readSetting("--token-file", tokenFile === "-" ? 0 : tokenFile)
    .toString("utf8")
    .trim();
  const { machineId } = await enrol({ server, token, name, stateDir });
  process.stdout.write(`${machineId}\n`);
  return 0;
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

// Whoever read this (`| head`) is gone, or a disk is full: there is nobody to tell more to.
process.stdout.on("error", () => process.exit(EXIT_FAILED));

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    // What a person can put right is one line; only a bug shows where it was.
    const plain = ["WrongSetting", "NotEnrolled", "NotInstalled"].includes(error.name);
    logLine(`agent: ${plain ? error.message : (error.stack ?? error.message)}\n`);
    inFile?.(`agent: ${plain ? error.message : traceOf(error)}\n`);
    process.exit(error instanceof WrongSetting ? EXIT_WRONG_SETTING : EXIT_FAILED);
  },
);
