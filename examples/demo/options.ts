// What can be said to the demo on its command line.

import { Command, InvalidArgumentError } from "commander";

export interface DemoOptions {
  readonly once: boolean;
  readonly machines: number;
  readonly runs: number;
  readonly windows: boolean;
  readonly json: boolean;
  readonly yes: boolean;
}

/** More machines than this want more memory than a laptop has. */
const machinesMax = 32;
const runsMax = 1000;

/** Reads the arguments; ends the process for --help (0) and for what is wrong (2). */
export function readOptions(argv: readonly string[]): DemoOptions {
  const program = new Command("npm run demo --")
    .description("Drover at work: a server, a few machines with real applications, and runs over them.")
    .option("--once", "end when the runs have ended; exit code 0 only if every check held", false)
    .option("--machines <number>", "how many machines", upTo(machinesMax), 3)
    .option("--runs <number>", "how many runs, all started at once", upTo(runsMax), 6)
    .option("--windows", "two Windows machines (Wine, about 700 MB installed) beside them, with four runs more", false)
    .option("--json", "the report as one JSON document on stdout; everything else goes to stderr", false)
    .option("--yes", "install missing system packages without a question", false)
    .addHelpText(
      "after",
      "\nExit code 0: every check held. 1: one did not, or the demo failed. 2: something is missing.",
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  return program.parse(argv, { from: "user" }).opts<DemoOptions>();
}

const upTo = (max: number) => (text: string) => {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= max) return number;
  throw new InvalidArgumentError(`It must be a number from 1 to ${max}.`);
};
