// Names, sizes, leftovers: what a reader should never meet in this project.

import assert from "node:assert/strict";
import { basename, posix } from "node:path";
import { test } from "node:test";
import { importsOf, scan } from "./scan.ts";
import { files, read, sources } from "./sources.ts";

const here = "test/house/";
const tests = sources.filter((file) => file.startsWith("test/") && !file.startsWith(here));
const texts = files.filter((file) => !/\.(png|gz)$/.test(file));

/** Longest file. Files above it are named here with their reason; no other may grow so long. */
const linesMax = 400;
const longFiles: Readonly<Record<string, string>> = {
  "proto/drover/agent/v1/channel.proto": "the whole contract with agents, to be read from top to bottom",
};

test("no file or folder has a name that says nothing", () => {
  const banned = /^(utils?|helpers?|commons?|libs?|types?|managers?|misc|shared|stuff|base|core|constants?)$/;
  const found = files.filter((file) => file.split("/").some((part) => banned.test(part.replace(/\..*$/, ""))));
  assert.deepEqual(found, []);
});

test(`no file is longer than ${linesMax} lines`, () => {
  const written = files.filter((file) => /\.(ts|proto|md|yaml)$/.test(file) && !file.includes("/third_party/"));
  const long = written.filter((file) => read(file).split("\n").length > linesMax && longFiles[file] === undefined);
  assert.deepEqual(long, []);
  const short = Object.keys(longFiles).filter((file) => read(file).split("\n").length <= linesMax);
  assert.deepEqual(short, [], "these are no longer long: take them off the list");
});

test("every source file begins by saying what it is", () => {
  // A test file may say it by its first title.
  const silent = sources.filter((file) => !file.endsWith(".test.ts") && !/^(#!.*\n)?(\/\/|\/\*)/.test(read(file)));
  assert.deepEqual(silent, []);
});

/** Programs that somebody starts, and modules that others import by their package. */
const entryPoints = new Set([
  "drover.ts",
  "agent/main.ts",
  "agent/desktop/screenshot-desktop.d.ts",
  "deploy/agent-build/main.ts",
  "deploy/agent-build/postject.d.ts",
  "deploy/system-packages.ts",
  "examples/demo/main.ts",
  "proto/third_party/print-validate.ts",
  "sdk/index.ts",
  "sdk/web.ts",
  "server/store/drizzle.config.ts",
  "test/benchmarks/agent-footprint.ts",
  "test/benchmarks/placing.ts",
  "test/mutations/main.ts",
  "test/simulation/main.ts",
  "test/run.ts",
]);

test("every source file is imported, named as a program, or an entry point", () => {
  const alive = new Set<string>([...entryPoints, ...sources.filter((file) => file.endsWith(".test.ts"))]);
  for (const file of sources) {
    for (const specifier of importsOf(read(file))) {
      alive.add(specifier.replace("@drover/", "").replace(/^\.\.?\/.*/, posix.join(posix.dirname(file), specifier)));
    }
    // A program that is started by its file's name.
    for (const { text } of scan(read(file)).strings) {
      if (text.endsWith(".ts")) alive.add(posix.join(posix.dirname(file), text)).add(text);
    }
  }
  assert.deepEqual(
    sources.filter((file) => !alive.has(file)),
    [],
  );
  assert.deepEqual(
    [...entryPoints].filter((file) => !files.includes(file)),
    [],
  );
});

test("nothing is left for later in a comment", () => {
  const found = texts.filter((file) => !file.startsWith(here) && /\b(TODO|FIXME|XXX|HACK)\b/.test(read(file)));
  assert.deepEqual(found, []);
});

test("the compiler is never told to look away", () => {
  const found = sources.flatMap((file) => {
    const { code, comments } = scan(read(file));
    const untyped = /(?:[:<|&,]|\bas|=>)\s*any\b(?!\s*[:(])/.test(code) ? [`${file}: any`] : [];
    const silenced = comments.some((comment) => /@ts-(ignore|nocheck|expect-error)/.test(comment));
    return silenced && !file.startsWith(here) ? [...untyped, `${file}: @ts-`] : untyped;
  });
  assert.deepEqual(found, []);
});

test("no test is left out, and none runs alone", () => {
  const found = tests.filter((file) => {
    const { code } = scan(read(file));
    return (
      /\b(test|it|describe|suite|t)\s*\.\s*(skip|only|todo)\b/.test(code) ||
      /\b(skip|only|todo)\s*:\s*true\b/.test(code)
    );
  });
  assert.deepEqual(found, []);
});

/** A pause of up to this many milliseconds is a step of polling, and no test can rest on it. */
const pollStepMs = 50;

/** Longer pauses, at most so many to a file, each with its reason. */
const pauses: Readonly<Record<string, readonly [number, string]>> = {
  "test/benchmarks/agent-footprint.ts": [
    2,
    "what rest costs is measured over a time; and each click finds the agent at rest",
  ],
  "test/server/api/auth.test.ts": [1, "a stalled client must still be stalled after the server's own time for it"],
  "test/support/step-bench.ts": [2, "the time that a command has, and that a window keeps a question waiting"],
  "test/agent/steps.test.ts": [2, "something happens to the desktop while a step waits for it; the result is awaited"],
  "test/sdk/runs.test.ts": [1, "a consumer that is slow on purpose"],
  "test/system/server-outage.long.test.ts": [2, "an outage has a length; and a deadline for what must be told in time"],
  "test/system/interrupting-window.test.ts": [1, "a window comes at an instant that is drawn at random"],
  "test/faults/all-down.long.test.ts": [1, "an outage has a length"],
  "test/faults/bad-network.long.test.ts": [1, "a stall has a length"],
  "test/faults/paused-agent.long.test.ts": [1, "a pause has a length"],
  "test/faults/paused-desktop.long.test.ts": [1, "a pause has a length"],
  "test/faults/stopped-clock.long.test.ts": [1, "a pause has a length"],
  "test/support/tcp-proxy.ts": [1, "a network that is late on purpose"],
};

test("tests wait for values, not for time to pass", () => {
  const counts = new Map<string, number>();
  for (const file of tests) {
    const source = read(file);
    const renamed = /setTimeout as (\w+)/.exec(source)?.[1] ?? "setTimeout";
    const { code } = scan(source);
    for (const call of code.matchAll(new RegExp(`\\b(?:${renamed}|setTimeout)\\(`, "g"))) {
      const args = argumentsAt(code, call.index + call[0].length);
      const durations = args
        .filter((argument) => /^[\d_]+$/.test(argument))
        .map((text) => Number(text.replaceAll("_", "")));
      if (durations.length === 1 && (durations[0] ?? 0) <= pollStepMs) continue;
      counts.set(file, (counts.get(file) ?? 0) + 1);
    }
  }
  const found = [...counts].filter(([file, count]) => count > (pauses[file]?.[0] ?? 0));
  assert.deepEqual(found, []);
});

/** The arguments of a call, split at its own commas. */
function argumentsAt(code: string, from: number): string[] {
  let depth = 1;
  let start = from;
  const found: string[] = [];
  for (let at = from; at < code.length; at++) {
    const character = code[at] ?? "";
    if ("([{".includes(character)) depth += 1;
    if (")]}".includes(character)) depth -= 1;
    if (depth > 0 && !(character === "," && depth === 1)) continue;
    found.push(code.slice(start, at).trim());
    start = at + 1;
    if (depth === 0) break;
  }
  return found;
}

test("nothing names a place where this project was made", () => {
  const found = texts.filter((file) => {
    if (file.startsWith(here)) return false;
    const text = read(file);
    return /(?<![\w.$}-])\/(work|root)\/(?!flow)|registry\.|npmjs|artifactory|[\w-]\.internal[:/]|127\.0\.0\.1:(4873|8081)\b/.test(
      text,
    );
  });
  assert.deepEqual(found, []);
});

test("the lock file names packages by version and digest, not by where they were downloaded", () => {
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Record<string, unknown>> };
  const entries = Object.entries(lock.packages);
  const addressed = entries.filter(([, entry]) => /:/.test(String(entry["resolved"] ?? ""))).map(([name]) => name);
  assert.deepEqual(addressed, []);
  // A development tool's program for another platform may be unknown to the registry that the lock was made with.
  const elsewhere = (entry: Record<string, unknown>) => entry["dev"] && entry["optional"] && entry["os"];
  const unproven = entries.filter(
    ([name, entry]) => /node_modules/.test(name) && !entry["link"] && !entry["integrity"] && !elsewhere(entry),
  );
  assert.deepEqual(
    unproven.map(([name]) => name),
    [],
  );
});

test("the rules can fail: what they look for is found", () => {
  assert.deepEqual(argumentsAt("setTimeout(() => go(1, 2), 100);", "setTimeout(".length), ["() => go(1, 2)", "100"]);
  assert.match(scan("const x = y as any;").code, /\bas\s*any\b/);
  assert.doesNotMatch(scan('const said = "TODO any"; // as any').code, /any/);
  assert.equal(basename("a/b.ts"), "b.ts");
});
