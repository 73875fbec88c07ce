// docs/agent.md has every command of the agent and every check of its doctor, and no other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { agentProgram } from "../../agent/command-line.ts";
import { CHECKS } from "../../agent/doctor/finding.ts";
import { read } from "./sources.ts";

const page = read("docs/agent.md");

/** The first column of the table with this heading. */
function firstColumn(heading: string): string[] {
  const [, rest = ""] = page.split(`| ${heading} |`);
  const table = rest.split("\n\n")[0] ?? "";
  return [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name = ""]) => name);
}

test("the page explains each command of the agent", () => {
  assert.deepEqual(
    firstColumn("command").sort(),
    agentProgram("")
      .commands.map((command) => command.name())
      .sort(),
  );
});

test("the page explains each check of the doctor, in the order in which they are made", () => {
  assert.deepEqual(firstColumn("check"), CHECKS);
});

test("every option that the page says is one of the agent's", () => {
  const help = agentProgram("").commands.map((command) => command.helpInformation());
  const said = new Set(page.match(/--[a-z][a-z-]+/g));
  for (const foreign of ["--user", "--help"]) said.delete(foreign);
  assert.ok(said.size > 8);
  for (const option of said) assert.ok(help.join("").includes(option), option);
});
