// A program with nothing but the client commands, for tests that spawn it.

import { Command } from "commander";
import { addClientCommands, runProgram } from "../../sdk/cli/client-commands.ts";

// Not awaited: as one file it is a CommonJS module (drover-command.ts).
void runProgram(addClientCommands(new Command("drover").version("0.1.0")));
