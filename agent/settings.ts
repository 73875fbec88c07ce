// What can be said to the agent program on its command line.

import { parseArgs } from "node:util";

/** A setting that only a person can put right: one clear line on stderr, exit 2. */
export class WrongSetting extends Error {
  override readonly name = "WrongSetting";
}

export interface RunSettings {
  readonly does: "run";
  readonly server: string;
  readonly insecure: boolean;
  readonly authoritiesFile: string | undefined;
  readonly stateDir: string;
  readonly display: string | undefined;
  readonly simulated: boolean;
  readonly supervised: boolean;
  readonly logJson: boolean;
  readonly applications: readonly { readonly name: string; readonly version: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly allowExec: ReadonlyMap<string, string>;
}

export interface EnrolSettings {
  readonly does: "enrol";
  readonly server: string;
  readonly insecure: boolean;
  readonly authoritiesFile: string | undefined;
  readonly stateDir: string;
  readonly tokenFile: string;
  readonly name: string;
}

export const USAGE = `usage:
  agent enrol --server URL --token-file FILE|- --name NAME --state DIR [--ca FILE] [--insecure]
  agent run --server URL[,URL]... --state DIR [--display :N] [--application NAME[@VERSION]]... [--label KEY=VALUE]...
            [--allow-exec NAME=/PATH/TO/PROGRAM]... [--ca FILE] [--insecure] [--simulated] [--unsupervised] [--log-json]
`;

const COMMON = {
  server: { type: "string" },
  state: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean", default: false },
} as const;

const RUN = {
  ...COMMON,
  display: { type: "string" },
  application: { type: "string", multiple: true },
  label: { type: "string", multiple: true },
  "allow-exec": { type: "string", multiple: true },
  simulated: { type: "boolean", default: false },
  unsupervised: { type: "boolean", default: false },
  "log-json": { type: "boolean", default: false },
} as const;

const ENROL = { ...COMMON, "token-file": { type: "string" }, name: { type: "string" } } as const;

/** Is it the usage that is asked for, of the program or of one of its commands? */
export const wantsUsage = (args: readonly string[]): boolean => args.some((arg) => arg === "--help" || arg === "-h");

/** Understands the arguments; throws `WrongSetting`. */
export function readSettings([verb, ...args]: readonly string[]): RunSettings | EnrolSettings {
  if (verb === "run") return runSettings(args);
  if (verb === "enrol") return enrolSettings(args);
  throw new WrongSetting(verb === undefined ? "say run or enrol" : `there is no command ${verb}: say run or enrol`);
}

function runSettings(args: string[]): RunSettings {
  const values = parsed(() => parseArgs({ args, options: RUN, strict: true }).values);
  const applications = (values.application ?? []).map((offer) => {
    const [name = "", version = ""] = offer.split("@", 2);
    if (name === "") throw new WrongSetting(`--application wants NAME or NAME@VERSION, not ${offer}`);
    return { name, version };
  });
  return {
    does: "run",
    ...common(values),
    display: values.display,
    simulated: values.simulated,
    supervised: !values.unsupervised,
    logJson: values["log-json"],
    applications,
    labels: Object.fromEntries((values.label ?? []).map((label) => pair("label", label))),
    allowExec: new Map((values["allow-exec"] ?? []).map((allowed) => allowedProgram(allowed))),
  };
}

function enrolSettings(args: string[]): EnrolSettings {
  const values = parsed(() => parseArgs({ args, options: ENROL, strict: true }).values);
  const tokenFile = needed("token-file", values["token-file"]);
  return { does: "enrol", ...common(values), tokenFile, name: needed("name", values.name) };
}

function common(values: { server?: string; state?: string; ca?: string; insecure: boolean }) {
  const server = needed("server", values.server);
  const stateDir = needed("state", values.state);
  return { server, stateDir, authoritiesFile: values.ca, insecure: values.insecure };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new WrongSetting((error as Error).message);
  }
}

function needed(name: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new WrongSetting(`--${name} is missing`);
  return value;
}

function pair(option: string, text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new WrongSetting(`--${option} wants NAME=VALUE, not ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function allowedProgram(text: string): [string, string] {
  const [name, path] = pair("allow-exec", text);
  if (!path.startsWith("/")) throw new WrongSetting(`--allow-exec wants a whole path, not ${path}`);
  return [name, path];
}
