// What the documentation names is there: commands, files, links, actions, calls.

import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import { agentProgram } from "../../agent/command-line.ts";
import { addClientCommands } from "../../sdk/cli/client-commands.ts";
import { addServerCommand } from "../../server/command.ts";
import workflowSchema from "../../server/workflows/schema/workflow.schema.json" with { type: "json" };
import { bufCurl, curlJson } from "../server/api/programs.ts";
import { ended, serveStub } from "../server/api/stub.ts";
import { files, read } from "./sources.ts";

const pages = files.filter((file) => file === "README.md" || /^docs\/.*\.md$/.test(file) || file === "sdk/README.md");
const readme = read("README.md");
const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

const section = (page: string, heading: string) => page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";

test("every npm command that is named is in package.json, and the other way round", () => {
  const named = new Set<string>();
  for (const page of pages) {
    for (const [, name = "test"] of read(page).matchAll(/npm (?:run (?:--silent )?([a-z][a-z:]*)|test\b)/g))
      named.add(name);
  }
  assert.deepEqual(
    [...named].filter((name) => scripts[name] === undefined),
    [],
  );
  const untold = Object.keys(scripts).filter((name) => !named.has(name) && !readme.includes(`\`${name}\``));
  assert.deepEqual(untold, []);
});

test("the two commands to begin with are the ones that continuous integration trusts", () => {
  assert.match(readme, /^npm ci && npm run demo$/m);
  assert.match(readme, /^npm ci && npm test$/m);
  assert.match(read(".ci/run"), /^npm ci\n[\s\S]*^npm test$/m);
});

test("every file that a page names is there", () => {
  const missing = pages.flatMap((page) =>
    [...read(page).matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|proto|json|ya?ml|md|png))`/g)]
      .map(([, file = ""]) => file)
      .filter((file) => !files.includes(file) && !files.includes(posix.join(posix.dirname(page), file)))
      .map((file) => `${page}: ${file}`),
  );
  assert.deepEqual(missing, []);
});

test("the ten steps are ten, and each names its files", () => {
  const steps = section(readme, "Ten steps of a run")
    .split(/^\d+\. /m)
    .slice(1);
  assert.equal(steps.length, 10);
  for (const step of steps) assert.match(step, /`(server|agent|sdk)\/[\w./-]+\.ts`/);
});

test("links within the project lead somewhere, headings included", () => {
  const anchors = (page: string) =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
  for (const page of pages) {
    for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : posix.join(posix.dirname(page), path);
      assert.ok(files.includes(file), `${page}: ${target}`);
      if (anchor !== undefined) assert.ok(anchors(file).includes(anchor), `${page}: ${target}`);
    }
  }
});

test("docs/workflows.md has a row for every key of a workflow, of a step and for every action", () => {
  const notActions = [
    "id",
    "timeout",
    "retry",
    "effect",
    "guard",
    "done",
    "in",
    "when",
    "foreach",
    "as",
    "steps",
    "call",
    "with",
  ];
  const page = read("docs/workflows.md");
  const rows = (heading: string) =>
    [...section(page, heading).matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(
      ([, cell = ""]) => cell.match(/\w+/g) ?? [],
    );
  const keys = Object.keys(workflowSchema.$defs.step.properties);
  assert.deepEqual(rows("Actions").sort(), keys.filter((key) => !notActions.includes(key)).sort());
  assert.deepEqual(rows("A step").sort(), notActions.slice(0, 8).sort());
  assert.deepEqual(rows("A workflow").sort(), Object.keys(workflowSchema.properties).sort());
});

test("every drover command that is written has the options that are written", () => {
  const lines = pages.flatMap((page) =>
    [...read(page).matchAll(/^(?:\w+=\S+ )?drover (.*(?:\\\n.*)*)$/gm)].map(([, line = ""]) =>
      line.replaceAll("\\\n", " "),
    ),
  );
  const wanted = new Map<string, Set<string>>();
  for (const line of lines) {
    const command = /^(?:(?:agent|machine|token|key|release|rollout) \w+|\w+)/.exec(line)?.[0] ?? "";
    const options = line.match(/(?<= )--[a-z-]+/g) ?? [];
    wanted.set(command, new Set([...(wanted.get(command) ?? []), ...options]));
  }
  assert.ok(wanted.size > 6);
  const program = new Command("drover");
  addServerCommand(program);
  addClientCommands(program);
  const help = (path: string[], at: Command = program): string => {
    const [name, ...rest] = path;
    if (name === undefined) return at.helpInformation();
    return help(rest, at.commands.find((each) => each.name() === name) ?? assert.fail(`there is no drover ${name}`));
  };
  for (const [command, options] of wanted) {
    const words = command.split(" ");
    const text = words[0] === "agent" ? help(words.slice(1), agentProgram("")) : help(words);
    for (const option of options) assert.ok(text.includes(option), `drover ${command} ${option}`);
  }
});

/** The words of a shell line: quotes as in the README, and `$NAME` from `values`. */
function words(line: string, values: Readonly<Record<string, string>>): string[] {
  const filled = (text: string) => text.replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? assert.fail(name));
  const found: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    const parts = word.match(/'[^']*'|"[^"]*"|[^'"]+/g) ?? [];
    found.push(
      parts.map((part) => (part.startsWith("'") ? part.slice(1, -1) : filled(part.replaceAll('"', "")))).join(""),
    );
  }
  return found;
}

test("the calls with grpcurl and curl are answered by a server", async (t) => {
  const { api, key, addRun, append } = await serveStub(t);
  const id = addRun();
  append(id, ended);
  const values = { KEY: key("caller"), RUN: id };
  const lines = readme.split("\n");
  const grpcurls = lines.filter((line) => line.startsWith("grpcurl ")).map((line) => words(line, values));
  assert.ok(grpcurls.length > 3);
  for (const [, plaintext, ...rest] of grpcurls) {
    assert.equal(plaintext, "-plaintext");
    const [method = "", address] = [rest.pop(), rest.pop()];
    assert.equal(address, "127.0.0.1:7400");
    if (method === "list") continue;
    const answer = await bufCurl(["--protocol", "grpc", "--http2-prior-knowledge", ...rest, `${api.url}/${method}`]);
    assert.equal(answer.code, 0, answer.err);
  }
  const curls = lines.filter((line) => line.startsWith("curl ")).map((line) => words(line, values));
  assert.ok(curls.length > 0);
  for (const line of curls) {
    const path = new URL(line.at(-1) ?? "").pathname;
    const answer = await curlJson(`${api.url}${path}`, values.KEY, line[line.indexOf("-d") + 1] ?? "");
    assert.equal(answer.status, 200, answer.body);
  }
});
