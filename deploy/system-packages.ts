// Installs the Debian packages that Drover's demo, build and tests need: names what is missing, shows its size, asks, installs.
//
//   node deploy/system-packages.ts demo|windows-demo|agent-build|tests [--yes] [--json]
//
// Exit code 0: everything is there. 1: the installation failed. 2: something is missing and was not installed; what to
// run is printed. Consent is --yes, CI=true, or yes at the terminal. Progress and questions go to stderr.

import { createInterface } from "node:readline/promises";
import { aptCommands, describeInstall, installPackages, mayInstall, missingPackages } from "./apt.ts";
import { onPath } from "./on-path.ts";
import { isPurpose, type Purpose, packagesFor, purposes } from "./package-list.ts";

export type PackagesAnswer =
  | { state: "present" }
  | { state: "installed"; packages: string[] }
  | { state: "missing"; packages: string[]; commands: string[]; reason: string }
  | { state: "failed"; packages: string[]; reason: string };

const called: Readonly<Record<Purpose, string>> = {
  demo: "the demo",
  "windows-demo": "the demo with Windows machines",
  "agent-build": "the build of the agent",
  tests: "the tests",
};

export async function ensureSystemPackages(purpose: Purpose, options: { yes?: boolean } = {}): Promise<PackagesAnswer> {
  const wanted = packagesFor(purpose);
  const hasApt = onPath("apt-get") && onPath("dpkg-query");
  const missing = hasApt
    ? missingPackages(wanted)
    : wanted.filter(({ programs }) => programs.length > 0 && !programs.some((program) => onPath(program)));
  if (missing.length === 0) return { state: "present" };

  say(`Missing for ${called[purpose]}:`);
  const packages = missing.map((each) => each.package);
  if (!hasApt) {
    for (const { programs, why } of missing) say(`  ${programs.join(" or ")}: ${why}`);
    const reason = "This system has no apt-get. Install these programs with its own package manager.";
    return { state: "missing", packages, commands: [], reason };
  }
  for (const { package: name, why } of missing) say(`  ${name}: ${why}`);
  const commands = aptCommands(packages);
  if (!mayInstall()) {
    return { state: "missing", packages, commands, reason: "Installing needs root, and there is no sudo." };
  }
  say(describeInstall(packages) ?? "apt cannot tell the size yet: its package lists have to be read first.");
  if (!(await consented(options.yes === true))) {
    return { state: "missing", packages, commands, reason: "Not installed: nobody agreed to it (--yes agrees)." };
  }
  const reason = installPackages(packages, say);
  if (reason !== undefined) return { state: "failed", packages, reason };
  const still = missingPackages(missing).map((each) => each.package);
  if (still.length > 0)
    return { state: "failed", packages: still, reason: "apt-get succeeded but they are not installed." };
  return { state: "installed", packages };
}

async function consented(yes: boolean): Promise<boolean> {
  if (yes || process.env["CI"] === "true") return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Install them now? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: string[]): Promise<number> {
  const [purpose, ...flags] = args;
  if (purpose === undefined || !isPurpose(purpose) || flags.some((flag) => flag !== "--yes" && flag !== "--json")) {
    say(`Usage: node deploy/system-packages.ts ${purposes.join("|")} [--yes] [--json]`);
    return 2;
  }
  const answer = await ensureSystemPackages(purpose, { yes: flags.includes("--yes") });
  if (flags.includes("--json")) process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (answer.state === "installed") say(`Installed: ${answer.packages.join(" ")}`);
  if (answer.state === "failed") say(`${answer.packages.join(" ")}: ${answer.reason}`);
  if (answer.state === "missing") {
    say(answer.reason);
    if (answer.commands.length > 0) say(`Run:\n${answer.commands.map((command) => `  ${command}`).join("\n")}`);
  }
  return { present: 0, installed: 0, failed: 1, missing: 2 }[answer.state];
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) process.exitCode = await main(process.argv.slice(2));
