// Talks to apt and dpkg: what is installed, what an installation would bring, and doing it.

import { spawnSync } from "node:child_process";
import { onPath } from "./on-path.ts";
import type { SystemPackage } from "./package-list.ts";

/** Words must be in English to be read, and no package may ask a question. */
const environment = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
const flags = ["install", "--yes", "--no-install-recommends"];
// Another apt, such as the daily upgrade, may hold the lock.
const waitForLock = ["-o", "DPkg::Lock::Timeout=120"];

export function missingPackages(wanted: SystemPackage[]): SystemPackage[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg's own placeholders.
  const format = "--showformat=${Package} ${db:Status-Status}\\n";
  // It exits 1 when it does not know one of the names, and still tells of the others.
  const query = read("dpkg-query", ["--show", format, ...wanted.map((each) => each.package)]);
  const installed = new Set(
    query
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, state]) => state === "installed")
      .map(([name]) => name),
  );
  return wanted.filter((each) => !installed.has(each.package) && !each.programs.some((program) => onPath(program)));
}

/** What a person would type. */
export function aptCommands(packages: string[]): string[] {
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  return [`${sudo}apt-get update`, `${sudo}apt-get install --no-install-recommends ${packages.join(" ")}`];
}

export function mayInstall(): boolean {
  return process.getuid?.() === 0 || onPath("sudo");
}

/** "Need to get ... After this operation ...", as apt says it; undefined while its lists are missing. */
export function describeInstall(packages: string[]): string | undefined {
  const plan = read("apt-get", [...flags, "--print-uris", ...packages]);
  const lines = plan.split("\n").filter((line) => /newly installed|^Need to get|^After this operation/.test(line));
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Undefined when it went well, else what went wrong. */
export function installPackages(packages: string[], say: (line: string) => void): string | undefined {
  if (withoutCandidate(packages).length > 0) {
    say("Reading the package lists (apt-get update)");
    const problem = runAsRoot([...waitForLock, "update"]);
    if (problem !== undefined) return problem;
    const unknown = withoutCandidate(packages);
    if (unknown.length > 0) return `this system's package sources do not have ${unknown.join(", ")}`;
  }
  const problem = runAsRoot([...waitForLock, ...flags, ...packages]);
  if (problem === undefined) return undefined;
  // Lists that are a few weeks old name files that the archive has replaced.
  say("Trying again with fresh package lists (apt-get update)");
  return runAsRoot([...waitForLock, "update"]) ?? runAsRoot([...waitForLock, ...flags, ...packages]);
}

function withoutCandidate(packages: string[]): string[] {
  const policy = read("apt-cache", ["policy", ...packages]);
  const known = new Set<string>();
  let current = "";
  for (const line of policy.split("\n")) {
    const header = /^(\S+):$/.exec(line)?.[1];
    if (header !== undefined) current = header;
    const candidate = /^ {2}Candidate: (\S+)/.exec(line)?.[1];
    if (candidate !== undefined && candidate !== "(none)") known.add(current);
  }
  return packages.filter((name) => !known.has(name));
}

/** What apt prints is shown, on stderr: stdout belongs to the caller's answer. */
function runAsRoot(args: string[]): string | undefined {
  const root = process.getuid?.() === 0;
  // sudo drops the environment, so the variables are set behind it.
  const variables = ["env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"];
  const [program = "", ...rest] = [...(root ? [] : ["sudo"]), ...variables, "apt-get", ...args];
  const run = spawnSync(program, rest, { stdio: ["inherit", 2, 2], env: environment });
  if (run.error !== undefined) return run.error.message;
  return run.status === 0
    ? undefined
    : `apt-get ${args.at(-1) === "update" ? "update" : "install"} ended with ${run.signal ?? run.status}`;
}

function read(program: string, args: string[]): string {
  return (
    spawnSync(program, args, { encoding: "utf8", env: environment, stdio: ["ignore", "pipe", "ignore"] }).stdout ?? ""
  );
}
