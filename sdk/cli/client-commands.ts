// The client's commands, joined: what a root program adds to become a Drover client, and how it is run.

import { type Command, CommanderError } from "commander";
import { addApplications, addWorkflows } from "./definitions.ts";
import { addConnectionOptions } from "./desk.ts";
import { exitCodes } from "./exit-codes.ts";
import { addExplain } from "./explain.ts";
import { addFront } from "./front.ts";
import { addHalt, addHalts } from "./halt.ts";
import { addKey } from "./key.ts";
import { addLimit, addLimits } from "./limit.ts";
import { addMachine } from "./machine.ts";
import { addMachines } from "./machines.ts";
import { addPause, addPauses } from "./pause.ts";
import { addFilm, addScreenshot } from "./pictures.ts";
import { addPurge } from "./purge.ts";
import { addPut } from "./put.ts";
import { addRelease } from "./release.ts";
import { addResolve } from "./resolve.ts";
import { addRetention } from "./retention.ts";
import { addRollout } from "./rollout.ts";
import { addCancel, addRun, addRuns } from "./runs.ts";
import { addStart } from "./start.ts";
import { addToken } from "./token.ts";
import { addWatch } from "./watch.ts";

/** Adds the commands, and the options for the connection to each of them and to the program. */
export function addClientCommands(program: Command): Command {
  // Options before a command's name are the program's; after it, the command's: other commands may use the same words.
  program.enablePositionalOptions();
  const commands = [
    addStart,
    addWatch,
    addRuns,
    addRun,
    addExplain,
    addCancel,
    addFront,
    addResolve,
    addFilm,
    addPut,
    addWorkflows,
    addApplications,
    addMachines,
    addMachine,
    addHalt,
    addHalts,
    addPause,
    addPauses,
    addLimit,
    addLimits,
    addScreenshot,
    addToken,
    addKey,
    addRelease,
    addRollout,
    addRetention,
    addPurge,
  ].flatMap((add) => add(program));
  for (const command of [program, ...commands]) addConnectionOptions(command);
  program.addHelpText(
    "after",
    `
Exit codes: 0 done; 1 the run FAILED, was CANCELLED or EXPIRED; 2 wrong usage; 3 the run ended UNKNOWN, look before you
start it again; 4 refused; 5 server unreachable; 6 no key, or one that may not; 70 a fault in Drover; 130 interrupted,
the run goes on.`,
  );
  return program;
}

/** Runs the program; its exit code is in process.exitCode when this resolves. Wrong usage is 2, for all its commands. */
export async function runProgram(program: Command, argv: readonly string[] = process.argv): Promise<void> {
  // Whoever reads our output may stop at any time, as `head` does.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(exitCodes.ok);
  });
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) throwInsteadOfExit(each);
}
