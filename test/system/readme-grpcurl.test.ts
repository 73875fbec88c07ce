// The README's calls from the shell do what it says: each line is run as it is written there, quoting and variables
// included, against a running server with one simulated machine. grpcurl is in no package registry that the tests may use,
// so that a stand-in of its name takes the arguments, and `buf curl` makes the same call.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bufCurl, type Ran, run } from "../server/api/programs.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product } from "../support/product.ts";
import {
  attachSimulated,
  type SimulatedMachine,
  simulatedMousepad,
  simulatedNote,
} from "../support/simulated-machine.ts";

/** The address as the README has it. */
const usualAddress = "127.0.0.1:7400";
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const blocks = Array.from(readme.matchAll(/^```(?:sh|bash|console|)\n([\s\S]*?)^```$/gm), ([, block = ""]) => block);
/** Continued lines are one. */
const lines = blocks.flatMap((block) => block.replace(/\\\n\s*/g, " ").split("\n"));
const calls = (program: string) => lines.filter((line) => line.startsWith(`${program} `));

const product = new Product();
const dir = mkdtempSync(join(tmpdir(), "drover-readme-"));
let database: TestDatabase;
let machine: SimulatedMachine;
/** What the lines refer to; `RUN` once one was started. */
let variables: string[];

before(async () => {
  // Its arguments, each on a line of its own, as the shell makes them of the README's line.
  writeFileSync(join(dir, "grpcurl"), '#!/bin/sh\nfor each in "$@"; do printf "%s\\n" "$each"; done\n', {
    mode: 0o755,
  });
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  await product.put(simulatedMousepad, simulatedNote("notes.save"));
  machine = await attachSimulated(product, "vm-1");
  variables = [`KEY=${product.server.adminKey()}`];
});

after(async () => {
  await machine?.stop();
  await product.stop();
  await database?.drop();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a line in a shell, with the server's real address. */
function shell(line: string): Promise<Ran> {
  const here = line.replaceAll(usualAddress, new URL(product.server.apiUrl).host);
  // A variable that is not set is an error, not an empty text.
  return run("env", [...variables, `PATH=${dir}:${process.env["PATH"]}`, "sh", "-euc", here]);
}

/** `grpcurl [-plaintext] [-H header] [-d data] address [list [service] | describe [symbol] | method]`, by buf curl. */
async function asBuf(line: string): Promise<Ran> {
  const parsed = await shell(line);
  assert.equal(parsed.code, 0, parsed.err);
  const rest: string[] = [];
  const given: string[] = [];
  const args = parsed.out.trimEnd().split("\n");
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    if (arg === "-H" || arg === "-d") given.push(arg, args.shift() ?? assert.fail(line));
    else if (!arg.startsWith("-")) rest.push(arg);
    else assert.equal(arg, "-plaintext", line);
  }
  const [address, verb, symbol] = rest;
  assert.ok(address !== undefined && verb !== undefined, line);
  const base = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect"];
  const url = `http://${address}`;
  if (verb === "list")
    return await bufCurl([...base, symbol === undefined ? "--list-services" : "--list-methods", url]);
  if (verb === "describe") {
    const asked = symbol === undefined ? { listServices: "*" } : { fileContainingSymbol: symbol };
    const reflection = `${url}/grpc.reflection.v1.ServerReflection/ServerReflectionInfo`;
    return await bufCurl([...base, "-d", JSON.stringify(asked), reflection]);
  }
  return await bufCurl([...base, ...given, `${url}/${verb.replace(/\.(?=\w+$)(?!.*\/)/, "/")}`]);
}

/** The run that an answer tells of is the one that later lines mean by `$RUN`. */
function keepRun(out: string): void {
  const id = /"run":\s*\{\s*"id":\s*"([^"]+)"/.exec(out)?.[1];
  if (id !== undefined) variables = [...variables.filter((each) => !each.startsWith("RUN=")), `RUN=${id}`];
}

test("every grpcurl line of the README does what it says", async () => {
  const found = calls("grpcurl");
  assert.ok(found.length >= 3, "the README shows grpcurl");
  const told = new Map<string, string>();
  for (const line of found) {
    const { code, out, err } = await asBuf(line);
    assert.equal(code, 0, `${line}\n${err}`);
    assert.doesNotMatch(out, /errorResponse/, line);
    keepRun(out);
    told.set(/ (list|describe)\b|\/(\w+)\s*$/.exec(line)?.slice(1).find(Boolean) ?? line, out);
  }
  assert.match(told.get("list") ?? "", /^drover\.v1\.RunService$/m);
  assert.match(told.get("StartRun") ?? "", /"state":\s*"RUN_STATE_QUEUED"/);
  assert.match(told.get("WatchRun") ?? "", /RUN_EVENT_KIND_QUEUED[\s\S]*"outcome":\s*"OUTCOME_SUCCEEDED"/);
});

test("every curl line of the README does what it says", async () => {
  const found = calls("curl");
  assert.ok(found.length >= 1, "the README shows curl");
  for (const line of found) {
    const { code, out, err } = await shell(line.replace(/^curl /, "curl -sS --fail-with-body "));
    assert.equal(code, 0, `${line}\n${err}${out}`);
    keepRun(out);
    assert.ok(!line.includes("/StartRun") || /"state":\s*"RUN_STATE_QUEUED"/.test(out), out);
  }
});
