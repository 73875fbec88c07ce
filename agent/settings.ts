// What can be said to the agent program, understood: one shape for each command. `command-line.ts` reads them.

import { thisHost } from "./host/this-host.ts";

/** A setting that only a person can put right: one clear line on stderr, exit 2. */
export class WrongSetting extends Error {
  override readonly name = "WrongSetting";
}

/** How the control plane's agent port is reached. */
export interface ServerSettings {
  /** One address or several with commas. */
  readonly server: string;
  readonly insecure: boolean;
  readonly authoritiesFile: string | undefined;
}

/** What a machine offers, and on which display. */
export interface MachineSettings {
  readonly display: string | undefined;
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly allowExec: ReadonlyMap<string, string>;
}

export interface RunSettings extends ServerSettings, MachineSettings {
  readonly does: "run";
  readonly stateDir: string;
  readonly simulated: boolean;
  readonly supervised: boolean;
  readonly logJson: boolean;
  /** As in `AgentOptions`; undefined when it was not said. */
  readonly personQuietMs: number | undefined;
  /** Instead of stderr. */
  readonly logFile: string | undefined;
  /** Without a console: no window of it, and nothing is written there. */
  readonly background: boolean;
}

export interface EnrolSettings extends ServerSettings {
  readonly does: "enrol";
  readonly stateDir: string;
  readonly tokenFile: string;
  readonly name: string;
}

export interface CaptureSettings {
  readonly does: "capture";
  readonly outFile: string;
  readonly display: string | undefined;
  /** This is the process that looks, for another one that has the patience. */
  readonly examiner: boolean;
}

/** As `run`, but nothing has to be said: what is not said is not looked at. */
export interface DoctorSettings extends MachineSettings {
  readonly does: "doctor";
  readonly server: ServerSettings | undefined;
  readonly stateDir: string | undefined;
  readonly json: boolean;
  /** This is the process that looks, for another one that tells. */
  readonly examiner: boolean;
}

export interface InstallSettings {
  readonly does: "install";
  readonly run: RunSettings;
  readonly print: boolean;
}

export interface UninstallSettings {
  readonly does: "uninstall";
  /** The state directory to remove too. */
  readonly purge: string | undefined;
  readonly print: boolean;
}

export type Settings =
  | RunSettings
  | EnrolSettings
  | CaptureSettings
  | DoctorSettings
  | InstallSettings
  | UninstallSettings;

/** An empty one would be whatever folder the program is started in. */
export function stateDirectory(text: string): string {
  if (text === "") throw new WrongSetting("--state wants a directory");
  return text;
}

export function application(text: string): MachineSettings["applications"][number] {
  const [, name, version = ""] = /^([^@]+)(?:@([^@]*))?$/.exec(text) ?? [];
  if (name === undefined) throw new WrongSetting(`--application wants NAME or NAME@VERSION, not ${text}`);
  return { name, version };
}

const secondsMax = 3600;

export function personQuiet(text: string): number {
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= secondsMax)) throw new WrongSetting(`--person-quiet wants whole seconds, 0 to 3600, not ${text}`);
  return seconds * 1000;
}

export const label = (text: string): [string, string] => pair("label", text);

export function allowedProgram(text: string): [string, string] {
  const [name, path] = pair("allow-exec", text);
  const refused = thisHost.refusedProgram(path);
  if (refused !== undefined) throw new WrongSetting(`--allow-exec wants ${refused}, not ${path}`);
  return [name, path];
}

function pair(option: string, text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new WrongSetting(`--${option} wants NAME=VALUE, not ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
