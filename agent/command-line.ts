// The agent program's command line: its commands, their options, their help, and the settings that they make.

import { Command, CommanderError, Option } from "commander";
import {
  allowedProgram,
  application,
  label,
  personQuiet,
  type RunSettings,
  type ServerSettings,
  type Settings,
  stateDirectory,
  WrongSetting,
} from "./settings.ts";

/** Something to be told on stdout, and nothing more to do. */
export interface Telling {
  readonly does: "tell";
  readonly text: string;
  readonly asked: boolean;
}

const COLUMNS = 80;

interface Flags {
  readonly server?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly state?: string;
  readonly display?: string;
  readonly application?: readonly string[];
  readonly label?: readonly string[];
  readonly allowExec?: readonly string[];
}

interface RunFlags extends Flags {
  readonly simulated?: boolean;
  readonly personQuiet?: number;
  readonly unsupervised?: boolean;
  readonly logJson?: boolean;
  readonly logFile?: string;
  readonly background?: boolean;
}

/** Understands the arguments; throws `WrongSetting`. */
export function readSettings(args: readonly string[], version: string): Settings | Telling {
  let settings: Settings | undefined;
  let text = "";
  const program = agentProgram(version, (made) => {
    settings = made;
  });
  const said = (words: string) => {
    text += words;
  };
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: said, writeErr: said, outputError: () => {} });
  }
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // `help` is what is shown when no command was said.
    if (error.exitCode !== 0 && error.code !== "commander.help") {
      throw new WrongSetting(error.message.replace(/^error: /, "").replaceAll("\n", " "));
    }
    return { does: "tell", text, asked: error.exitCode === 0 };
  }
  return settings ?? { does: "tell", text, asked: true };
}

/** All commands; `made` is given the settings of the one that was said. */
export function agentProgram(version: string, made: (settings: Settings) => void = () => {}): Command {
  const program = new Command("drover-agent")
    .description("Drives the desktop of this machine for a Drover control plane.")
    .version(version)
    .helpCommand(false)
    .configureHelp({ helpWidth: COLUMNS });
  program.addHelpText("after", "\nExit codes: 0 done; 1 it did not work; 2 wrong usage or a wrong setting.");
  const command = (name: string, summary: string, description = summary) =>
    program.command(name).summary(summary).description(description).configureHelp({ helpWidth: COLUMNS });

  serverOptions(command("enrol", "make this machine known to a control plane, once"))
    .requiredOption("--state <dir>", "where the machine's identity is kept", stateDirectory)
    .requiredOption("--token-file <file>", "the file with the enrolment token; - is stdin")
    .requiredOption("--name <name>", "the machine's name in its pool")
    .action(({ state, tokenFile, name, ...flags }: Flags & { state: string; tokenFile: string; name: string }) =>
      made({ does: "enrol", ...serverOf(flags), stateDir: state, tokenFile, name }),
    );

  runOptions(command("run", "drive this machine's desktop, until it is stopped"))
    .option("--unsupervised", "end when the agent dies, rather than start it again")
    .option("--background", "leave the console: no window of it, and no output")
    .action((flags: RunFlags) => made(runOf(flags)));

  machineOptions(serverOptions(command("doctor", "say what works on this desktop", DOCTOR), false))
    .option("--state <dir>", "the state directory, to be looked at too", stateDirectory)
    .option("--json", "one JSON document")
    .addOption(new Option("--examiner").hideHelp())
    .action(({ json = false, examiner = false, state, ...flags }: Flags & { json?: boolean; examiner?: boolean }) => {
      const server = flags.server === undefined ? undefined : serverOf(flags);
      made({ does: "doctor", ...machineOf(flags), server, stateDir: state, json, examiner });
    });

  command("capture", "take one screenshot, as the health screenshots are taken")
    .requiredOption("--out <file.png>", "where to put it")
    .option("--display <:n>", "the X display, instead of the environment's")
    .addOption(new Option("--examiner").hideHelp())
    .action(({ out, display, examiner = false }: Flags & { out: string; examiner?: boolean }) =>
      made({ does: "capture", outFile: out, display, examiner }),
    );

  runOptions(command("install", "start the agent whenever this user logs on", INSTALL))
    .option("--print", "show what would be written and done, and do nothing")
    .action(({ print = false, ...flags }: RunFlags & { print?: boolean }) =>
      made({ does: "install", run: runOf(flags), print }),
    );

  command("uninstall", "undo install")
    .option("--purge <dir>", "remove this state directory too, with the identity")
    .option("--print", "show what would be removed, and do nothing")
    .action(({ purge, print = false }: { purge?: string; print?: boolean }) =>
      made({ does: "uninstall", purge, print }),
    );
  return program;
}

const DOCTOR = `Says what works on this desktop and what does not, with a remedy for each
fault. It takes what run takes; what is not said is not looked at. It sends no
input and may be used beside a running agent. Exit code 1: there is a fault.`;

const INSTALL = `Starts the agent now and whenever this user logs on: by a scheduled task on
Windows, by a systemd user unit on Linux. It takes what run takes. It is not a
service: a service has no desktop. Enrol the machine first. Said again, it
replaces what was installed.`;

function serverOptions(command: Command, required = true): Command {
  const add = (flags: string, text: string) =>
    required ? command.requiredOption(flags, text) : command.option(flags, text);
  return add("--server <url>", "the control plane's agent port, such as https://host:7401; several with commas")
    .option("--ca <file>", "trust these authorities (PEM) instead of those that Node has")
    .option("--insecure", "allow a server on another machine without TLS");
}

function machineOptions(command: Command): Command {
  return command
    .option("--display <:n>", "the X display, instead of the environment's")
    .option("--application <name[@version]>", "an application that is installed here; may be said again", collect)
    .option("--label <key=value>", "a label of the machine; may be said again", collect)
    .option("--allow-exec <name=path>", "a program that exec steps may start; may be said again", collect);
}

function runOptions(command: Command): Command {
  return machineOptions(
    serverOptions(command).requiredOption("--state <dir>", "where the machine's identity is kept", stateDirectory),
  )
    .option("--person-quiet <seconds>", "go on when a person did nothing for so long (5); 0: do not wait", personQuiet)
    .option("--log-file <file>", "log into this file, put aside as FILE.1 when it is long")
    .option("--log-json", "log JSON lines")
    .option("--simulated", "a simulated desktop, to try things out");
}

const collect = (text: string, before: readonly string[] = []) => [...before, text];

function serverOf({ server = "", ca, insecure = false }: Flags): ServerSettings {
  return { server, authoritiesFile: ca, insecure };
}

function machineOf(flags: Flags) {
  return {
    display: flags.display,
    applications: (flags.application ?? []).map(application),
    labels: Object.fromEntries((flags.label ?? []).map(label)),
    allowExec: new Map((flags.allowExec ?? []).map(allowedProgram)),
  };
}

function runOf(flags: RunFlags): RunSettings {
  const { state = "", simulated = false, unsupervised = false, logJson = false, logFile, background = false } = flags;
  const person = { personQuietMs: flags.personQuiet };
  const own = { stateDir: state, simulated, supervised: !unsupervised, ...person, logJson, logFile, background };
  return { does: "run", ...serverOf(flags), ...machineOf(flags), ...own };
}

/** The arguments that say these settings again, for a later start in another folder. */
export function runArguments(settings: RunSettings, wholePath: (path: string) => string): string[] {
  const { server, authoritiesFile, insecure, stateDir, display, applications, labels, allowExec } = settings;
  const authorities = authoritiesFile === undefined ? [] : ["--ca", wholePath(authoritiesFile)];
  const offers = applications.map(({ name, version }) => (version === "" ? name : `${name}@${version}`));
  return [
    ...["run", "--server", server, "--state", wholePath(stateDir), ...authorities],
    ...(insecure ? ["--insecure"] : []),
    ...(display === undefined ? [] : ["--display", display]),
    ...offers.flatMap((offer) => ["--application", offer]),
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    ...[...allowExec].flatMap(([name, path]) => ["--allow-exec", `${name}=${path}`]),
    ...(settings.simulated ? ["--simulated"] : []),
    ...(settings.supervised ? [] : ["--unsupervised"]),
    ...(settings.personQuietMs === undefined ? [] : ["--person-quiet", `${settings.personQuietMs / 1000}`]),
    ...(settings.logJson ? ["--log-json"] : []),
    ...(settings.logFile === undefined ? [] : ["--log-file", wholePath(settings.logFile)]),
    ...(settings.background ? ["--background"] : []),
  ];
}
