// What `verify` says: how it is written, what its steps find, and what the run's outputs are once its commits took hold.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandOutput } from "../../../server/rules/command.ts";
import type { Json } from "../../../server/rules/names.ts";
import { begin, next, record, verifiedOutputs } from "../../../server/workflows/interpreter.ts";
import { limits } from "../../../server/workflows/limits.ts";
import type { Program } from "../../../server/workflows/program.ts";
import { problems, program } from "./fixtures.ts";

const source = (more: string) => `workflow: w
application: app
inputs: { type: object, required: [path], properties: { path: { type: string } } }
steps:
  - { id: title, read: { window: active } }
  - { id: save, press: enter, effect: commit, guard: none }
  - { id: late, read: { window: active } }
${more}`;
const look = "verify: { steps: [ { assert: { window: Saved } } ] }";

/** Where a program stands once so many of the section's commands were done, each having found what is said. */
function after(made: Program, section: "steps" | "verify", found: readonly CommandOutput[]): Json {
  let progress = begin(made, { path: "/tmp/a" }, section);
  for (const output of found) {
    const step = next(made, progress);
    assert.ok(step.is === "command");
    progress = record(made, step.progress, output);
  }
  return progress;
}

test("where and how long it is tried to find out: anywhere, for ten minutes, when it is not said", () => {
  const { verify } = program(source(look));
  assert.deepEqual([verify?.on, verify?.withinMs, verify?.result], ["any", limits.verifyWithinMs, undefined]);
  const said = program(source(look.replace("{ steps", "{ on: same-machine, within: 90s, steps"))).verify;
  assert.deepEqual([said?.on, said?.withinMs], ["same-machine", 90_000]);
});

test("what cannot be meant is refused, at its place", () => {
  const rows: [more: string, path: string, says: RegExp][] = [
    [look.replace("{ steps", "{ within: 9d, steps"), "verify.within", /168h/],
    [look.replace("{ steps", "{ within: soon, steps"), "verify.within", /duration/],
    [look.replace("{ steps", "{ on: another, steps"), "verify.on", /same-machine/],
    ["verify: { on: any }", "verify", /`steps` is missing/],
    ["verify: { steps: [] }", "verify.steps", /fewer than 1/],
    [look.replace("] }", '], result: "${steps.title.text}" }'), "verify.result", /title/],
    [look.replace("] }", '], result: "${steps.nobody.text}" }'), "verify.result", /nobody/],
  ];
  for (const [more, path, says] of rows) {
    const found = problems(source(more));
    assert.ok(
      found.some((problem) => problem.path === path && says.test(`${problem.message} ${problem.remedy}`)),
      `${more}: ${JSON.stringify(found)}`,
    );
  }
});

test("the outputs are `result`, if it speaks only of what was found before the commit", () => {
  const made = program(source(`${look}\nresult: { title: "\${steps.title.text}", path: "\${inputs.path}" }`));
  const verified = after(made, "verify", [{}]);
  const outputs = { title: "chart 7", path: "/tmp/a" };
  assert.deepEqual(verifiedOutputs(made, after(made, "steps", [{ text: "chart 7" }]), verified), outputs);
  assert.equal(
    verifiedOutputs(made, after(made, "steps", []), verified),
    undefined,
    "cut off before the title was read",
  );
  const needsLate = program(source(`${look}\nresult: { late: "\${steps.late.text}" }`));
  assert.equal(
    verifiedOutputs(needsLate, after(needsLate, "steps", [{}]), after(needsLate, "verify", [{}])),
    undefined,
  );
});

test("with `verify.result` the outputs are what verify found", () => {
  const verify =
    'verify: { steps: [ { id: seen, read: { window: active } } ], result: { title: "${steps.seen.text}" } }';
  const result = 'result: { title: "${steps.late.text}" }';
  const schema = "outputs: { type: object, properties: { title: { type: string, maxLength: 10 } } }";
  const made = program(source([verify, result, schema].join("\n")));
  const cutOff = after(made, "steps", [{}]);
  assert.deepEqual(verifiedOutputs(made, cutOff, after(made, "verify", [{ text: "chart 7" }])), { title: "chart 7" });
  const tooLong = after(made, "verify", [{ text: "chart seventy-seven" }]);
  assert.equal(verifiedOutputs(made, cutOff, tooLong), undefined, "what breaks the schema is no output");
  assert.match(JSON.stringify(tooLong), /chart seventy/, "what verify.result asks for is kept");
  const unasked = after(
    program(source(`${verify.replace(', result: { title: "${steps.seen.text}" }', "")}`)),
    "verify",
    [{ text: "secret" }],
  );
  assert.doesNotMatch(JSON.stringify(unasked), /secret/);
});
