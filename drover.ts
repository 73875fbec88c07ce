#!/usr/bin/env node
// The `drover` command: the server, the agent and the client's commands in one.

import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import manifest from "./package.json" with { type: "json" };

if (argv[2] === "agent") {
  // The agent is a program of its own with its own command line: it starts itself again under its supervisor.
  argv.splice(1, 2, fileURLToPath(import.meta.resolve("./agent/main.ts")));
  await import("./agent/main.ts");
} else {
  const { addClientCommands, runProgram } = await import("./sdk/cli/client-commands.ts");
  const { addServerCommand } = await import("./server/command.ts");
  const program = new Command("drover")
    .description("routes desktop workflows across a pool of machines")
    .version(manifest.version);
  addServerCommand(program);
  program.command("agent").description("the agent of a machine: enrol, run, doctor and more (drover agent --help)");
  addClientCommands(program);
  await runProgram(program);
}
