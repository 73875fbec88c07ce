// `drover server`: the command line of a replica.

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ListenError } from "./api/server.ts";
import { errorText } from "./engine/loop.ts";
import { openLog } from "./log.ts";
import { startServer } from "./main.ts";
import { readServerSettings, type ServerFlags, SettingError } from "./settings.ts";

export function addServerCommand(program: Command): Command {
  return program
    .command("server")
    .description("run a replica of the control plane")
    .option("--data <directory>", "database, artifacts and the first admin key (default: ~/.drover)")
    .option("--host <address>", "where the API listens", "127.0.0.1")
    .option("--port <number>", "the API's port; 0 for any that is free", "7400")
    .option("--agent-host <address>", "where agents are listened for (default: the API's address)")
    .option("--agent-port <number>", "the agents' port; 0 for any that is free", "7401")
    .option("--agent-address <url>", "what agents are told to dial (default: the agents' address and port)")
    .option("--downloads <number>", "agents that may download a release at the same time", "4")
    .option("--tls-cert <file>", "PEM certificate for both ports")
    .option("--tls-key <file>", "its PEM key")
    .option("--insecure", "serve without TLS to other machines too: something else keeps it secret")
    .option("--origin <url...>", "web origins that may call from a browser")
    .option("--log-level <level>", "debug, info, warn or error", "info")
    .addHelpText(
      "after",
      `
DATABASE_URL names an external PostgreSQL (15 or later); without it a PostgreSQL is run below --data.
The first start writes an admin key to <data>/admin.key, readable by its owner only.`,
    )
    .action(serve);
}

async function serve(flags: ServerFlags): Promise<void> {
  try {
    const settings = readServerSettings(flags, process.env);
    const log = openLog(settings.logLevel, {});
    process.on("unhandledRejection", (error) => {
      log.error("a fault that nobody caught; the replica stops", { error: errorText(error) });
      process.exit(70);
    });
    const server = await startServer(settings, log);
    if (server.adminKeyFile !== undefined) {
      log.info("the first admin key was written", { file: server.adminKeyFile });
      if (process.stdout.isTTY) process.stdout.write(`First admin key: ${readFileSync(server.adminKeyFile, "utf8")}`);
    }
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    });
    log.info("stopping");
    await server.stop();
    process.exit(0);
  } catch (error) {
    const wrongSetting = error instanceof SettingError || error instanceof ListenError;
    // Errors of our own rooms are sentences; anything else tells its kind, code and place.
    const told = wrongSetting || (error instanceof Error && !("code" in error)) ? error.message : errorText(error);
    process.stderr.write(`drover server: ${told}\n`);
    process.exit(wrongSetting ? 2 : 1);
  }
}
