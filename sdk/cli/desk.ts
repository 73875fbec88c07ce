// What every client command works with: the client, where output goes, and how it ends. A command says what it does; options
// for the connection, exit codes and Ctrl-C are the same for all and live here.

import { readFileSync } from "node:fs";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { createClient, type DroverClient, http1Transport } from "../index.ts";
import { endingOf, endingText, exitCodes, Interrupted, UsageError } from "./exit-codes.ts";
import { cleaned, folded, safeJson } from "./screen-text.ts";
import { type Column, table } from "./table.ts";

/** What a command works with. */
export interface Desk {
  client: DroverClient;
  /** One JSON document, or one per line, instead of text for people. */
  json: boolean;
  /** Aborted by Ctrl-C. It ends every call of the client; what waits for anything else, or watches, is given it. */
  signal: AbortSignal;
  /** A line of the product, on stdout. */
  out(line: string): void;
  /** A line about it, on stderr. */
  note(line: string): void;
  /** Rows, as a table with a line about them at its end, or as a JSON array. */
  list<Schema extends DescMessage>(
    schema: Schema,
    rows: readonly MessageShape<Schema>[],
    columns: readonly Column<MessageShape<Schema>>[],
    none: string,
    summary?: string,
  ): void;
  /** One JSON document. */
  document(value: JsonValue): void;
}

const defaultServer = "http://127.0.0.1:7400";

/** A client gives up sooner for a person at a terminal than for a program. */
const limits = { callPatienceMs: 4_000 };

interface ConnectionOptions {
  server?: string;
  key?: string;
  keyFile?: string;
  http1?: boolean;
  json?: boolean;
}

/** The options that every client command has; on the root too, so that they may stand before the command's name. */
export function addConnectionOptions(command: Command): Command {
  return command
    .optionsGroup("Connection:")
    .option("--server <url>", `the API's address, several with commas (env DROVER_SERVER; ${defaultServer})`)
    .option("--key <secret>", "the key; others on this machine can see it here (env DROVER_KEY)")
    .option("--key-file <file>", "a file that holds the key (env DROVER_KEY_FILE)")
    .option("--http1", "speak HTTP/1.1, for proxies that know nothing else")
    .option("--json", "JSON for scripts: one document, or one a line where it streams");
}

/** Adds a client command with its examples. */
export function addCommand(parent: Command, usage: string, summary: string, examples: readonly string[]): Command {
  const command = parent.command(usage).description(summary);
  command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`);
  return command;
}

/** Does the work of a command. What it throws becomes its exit code. */
export function act<Given extends unknown[]>(work: (desk: Desk, ...given: Given) => Promise<void>) {
  return async (...given: [...Given, Command]): Promise<void> => {
    const command = given.pop() as Command;
    const { server = process.env["DROVER_SERVER"] || defaultServer, json = false, ...rest } = connectionOf(command);
    const interrupted = new AbortController();
    const onInterrupt = () => interrupted.abort(new Interrupted("Interrupted."));
    process.once("SIGINT", onInterrupt);
    let client: DroverClient | undefined;
    try {
      const url = server.split(",").map((each) => each.trim());
      const transport = rest.http1 ? http1Transport : undefined;
      const key = keyFrom(rest);
      client = createClient({ url, key, transport, limits, signal: interrupted.signal });
      if (key !== undefined) warnOfClearText(url);
      await work(deskFor(client, json, interrupted.signal), ...(given as unknown as Given));
      process.exitCode = exitCodes.ok;
    } catch (error) {
      const ending = endingOf(error, server);
      process.exitCode = ending.code;
      if (ending.line !== "") process.stderr.write(`${endingText(ending, json)}\n`);
    } finally {
      process.off("SIGINT", onInterrupt);
      client?.close();
    }
  };
}

function deskFor(client: DroverClient, json: boolean, signal: AbortSignal): Desk {
  const out = (line: string) => void process.stdout.write(`${line}\n`);
  // A pipe has no width, and what reads it wants every character.
  const width = process.stdout.columns ?? (Number(process.env["COLUMNS"]) || Number.POSITIVE_INFINITY);
  const note = (line: string) => void process.stderr.write(`${cleaned(line)}\n`);
  return {
    client,
    json,
    signal,
    out,
    note,
    list(schema, rows, columns, none, summary) {
      if (json) return out(safeJson(rows.map((row) => jsonOf(schema, row))));
      if (rows.length === 0) return note(none);
      for (const line of table(columns, rows, width)) out(line);
      for (const line of summary === undefined ? [] : folded(summary, width)) note(line);
    },
    document: (value) => out(safeJson(value, json ? undefined : 2)),
  };
}

/** A message as the API's own JSON, with the empty fields, so that a script finds every name. */
export function jsonOf<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

/** The command's own options first, then those before its name. */
function connectionOf(command: Command): ConnectionOptions {
  const own = command.opts<ConnectionOptions>();
  return command.parent === null ? own : { ...connectionOf(command.parent), ...own };
}

function keyFrom({ key, keyFile }: ConnectionOptions): string | undefined {
  const file = keyFile ?? (process.env["DROVER_KEY"] ? undefined : process.env["DROVER_KEY_FILE"]);
  if (key !== undefined || !file) return key ?? (process.env["DROVER_KEY"] || undefined);
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(`The key file ${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** A key over a network in the clear is anybody's. */
function warnOfClearText(urls: readonly string[]): void {
  for (const url of urls) {
    const { protocol, hostname } = new URL(url);
    if (protocol === "https:" || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) continue;
    process.stderr.write(`drover: warning: the key goes to ${hostname} in the clear; use an https address\n`);
  }
}
