// Everything that a source is refused for: one row each, with the place that is named.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileApplication } from "../../../server/workflows/compile.ts";
import { files, problems, program, withSteps } from "./fixtures.ts";

const commit = "{ press: enter, effect: commit, guard: none }";
const closed =
  "readonly: true\ninputs: { type: object, properties: { path: { type: string }, list: { type: array } } }";
const schema = (text: string) => withSteps(["screenshot: true"], `inputs: { type: object, ${text} }`);

/** What is written, the path that must be named, and a word of the message or remedy. */
const refused: Record<string, [source: string, path: string, says: RegExp]> = {
  "an unknown key of a step": [withSteps(["{ press: a, gaurd: none }"]), "steps[0].gaurd", /Did you mean `guard`/],
  "an unknown key at the top": [withSteps([commit], "timeuot: 2m"), "timeuot", /Did you mean `timeout`/],
  "an unknown action": [withSteps(["{ clik: { window: X } }"]), "steps[0].clik", /Did you mean `click`/],
  "a step that does nothing": [withSteps(["{ id: a }"]), "steps[0]", /does nothing/],
  "a step that does two things": [withSteps(["{ press: a, type: b }"]), "steps[0]", /several things: type, press/],
  "a step that is no mapping": [withSteps(["click"]), "steps[0]", /a mapping/],
  "no steps": ["workflow: w\napplication: app\nsteps: []\n", "steps", /fewer than 1/],
  "no application": [`workflow: w\nsteps: [${commit}]\n`, "", /`application` is missing/],
  "an application that is not there": [
    `workflow: w\napplication: missing\nsteps: [${commit}]\n`,
    "application",
    /no application/,
  ],
  "a bad name": [`workflow: Notes Save\napplication: app\nsteps: [${commit}]\n`, "workflow", /small letters/],
  "a bad duration": [withSteps([commit], "timeout: 2 minutes"), "timeout", /duration/],
  "a timeout past a day": [withSteps([commit], "timeout: 25h"), "timeout", /24h/],
  "a step longer than the run": [
    withSteps(["{ press: a, timeout: 3m }"], "readonly: true\ntimeout: 2m"),
    "timeout",
    /longer than the whole/,
  ],
  "a commit without a guard": [withSteps(["{ press: enter, effect: commit }"], ""), "steps[0]", /needs a guard/],
  "an exec without a mark or guard": [withSteps(["{ exec: [save] }"], ""), "steps[0]", /unless marked/],
  "input without a commit": [withSteps(["{ press: enter }"], ""), "steps", /marks no commit/],
  "a commit in a readonly workflow": [withSteps([commit]), "readonly", /commits nothing/],
  "a commit in verify": [withSteps([commit], `verify: { steps: [${commit}] }`), "verify.steps[0]", /cannot stand in/],
  "an unmarked exec in cleanup": [
    withSteps([commit], "cleanup: { steps: [{ exec: [x] }] }"),
    "cleanup.steps[0]",
    /Mark it/,
  ],
  "verify without a commit": [
    withSteps(["screenshot: true"], "verify: { steps: [{ screenshot: true }] }"),
    "verify",
    /nothing to verify/,
  ],
  "a guard that is a word": [
    withSteps(["{ press: a, effect: commit, guard: nothing }"], ""),
    "steps[0].guard",
    /`none`/,
  ],
  "a condition of nothing": [withSteps(["{ assert: { absent: true } }"]), "steps[0].assert", /nothing that could hold/],
  "a target of two things": [withSteps(["{ click: { text: a, window: b } }"]), "steps[0].click", /exactly one/],
  "a file that is not there": [
    withSteps(["{ click: { image: sevn.png } }"]),
    "steps[0].click.image",
    /Did you mean `seven.png`/,
  ],
  "four pictures in a step": [
    withSteps(["{ click: { image: a.png }, guard: [{ image: b.png }, { image: c.png }, { image: seven.png }] }"]),
    "steps[0]",
    /at most 3 pictures/,
  ],
  "an empty title": [withSteps(['{ focus: "" }']), "steps[0].focus", /empty/],
  "a chord with a hole": [withSteps(["{ press: ctrl++s }"]), "steps[0].press", /chord/],
  "`in` for a click": [withSteps(["{ click: { text: a }, in: X }"]), "steps[0].in", /within/],
  "time said twice": [withSteps(["{ wait: { window: X, for: 2s }, timeout: 3s }"]), "steps[0].timeout", /twice/],
  "an unknown failure": [
    withSteps(["{ press: a, retry: { attempts: 2, on: [FOCUS_LOTS] } }"]),
    "steps[0].retry.on[0]",
    /Did you mean `FOCUS_LOST`/,
  ],
  "the same id twice": [withSteps(["{ id: a, press: a }", "{ id: a, press: b }"]), "steps[1].id", /twice/],
  "a read of nothing": [withSteps(["{ read: { window: a, clipboard: true } }"]), "steps[0].read", /what to read/],
  "an exec by expression": [
    withSteps(['{ exec: ["${inputs.path}"], effect: none }'], closed),
    "steps[0].exec",
    /allow-list/,
  ],
  "a very long pause": [withSteps(["{ pause: 6m }"]), "steps[0].pause", /5m/],
  "an expression that does not end": [
    withSteps(['{ type: "${inputs.path" }'], closed),
    "steps[0].type",
    /does not end/,
  ],
  "an expression that is not CEL": [withSteps(['{ type: "${1 +}" }'], closed), "steps[0].type", /not CEL/],
  "an unknown variable": [withSteps(['{ type: "${input.path}" }'], closed), "steps[0].type", /Did you mean `inputs`/],
  "an unknown input": [withSteps(['{ type: "${inputs.pth}" }'], closed), "steps[0].type", /Did you mean `path`/],
  "an unknown function": [withSteps(['{ type: "${inputs.path.upper()}" }'], closed), "steps[0].type", /no function/],
  "an unknown step": [withSteps(['{ type: "${steps.tilte.text}" }'], closed), "steps[0].type", /no step/],
  "a step used before it runs": [
    withSteps(['{ type: "${steps.later.text}" }', "{ id: later, read: clipboard }"], closed),
    "steps[0].type",
    /has not run here/,
  ],
  "a step that speaks of itself": [
    withSteps(['{ id: a, type: "${steps.a.text}" }'], closed),
    "steps[0].type",
    /has not run/,
  ],
  "a step inside a loop, from outside": [
    withSteps(
      ['{ foreach: "${inputs.list}", steps: [{ id: a, read: clipboard }] }', '{ type: "${steps.a.text}" }'],
      closed,
    ),
    "steps[1].type",
    /has not run here/,
  ],
  "a main step, from cleanup": [
    withSteps(["{ id: a, read: clipboard }"], `${closed}\ncleanup: { steps: [{ type: "\${steps.a.text}" }] }`),
    "cleanup.steps[0].type",
    /has not run here/,
  ],
  "an unknown field of a step": [
    withSteps(["{ id: a, read: clipboard }", '{ type: "${steps.a.txt}" }'], closed),
    "steps[1].type",
    /Did you mean `text`/,
  ],
  "a step picked by data": [
    withSteps(['{ type: "${steps[inputs.path].text}" }'], closed),
    "steps[0].type",
    /needs the id/,
  ],
  "loops too deep in an expression": [
    withSteps(['{ when: "${inputs.list.all(a, inputs.list.all(b, inputs.list.all(c, true)))}", press: a }'], closed),
    "steps[0].when",
    /nested too deeply/,
  ],
  "an expression too long": [
    withSteps([`{ when: "\${${"true && ".repeat(200)}true}", press: a }`]),
    "steps[0].when",
    /longer than/,
  ],
  "a `when` that is no expression": [withSteps(["{ when: sometimes, press: a }"]), "steps[0].when", /one expression/],
  "a loop without steps": [withSteps(['{ foreach: "${inputs.list}" }'], closed), "steps[0]", /no steps/],
  "a loop whose item hides another": [
    withSteps(['{ foreach: "${inputs.list}", as: inputs, steps: [{ press: a }] }'], closed),
    "steps[0].as",
    /already means/,
  ],
  "a timeout on a loop": [
    withSteps(['{ foreach: "${inputs.list}", timeout: 2s, steps: [{ press: a }] }'], closed),
    "steps[0].timeout",
    /does not go with/,
  ],
  "a call of nothing": [withSteps(["{ call: nowhere }"]), "steps[0].call", /no workflow/],
  "a call of itself": [withSteps(["{ call: w }"]), "steps[0].call", /cannot call itself/],
  "inputs that are no mapping": [withSteps(["screenshot: true"], "inputs: { type: string }"), "inputs", /mapping/],
  "a schema with a bad keyword": [
    schema("properties: { a: { type: strin } }"),
    "inputs.properties.a.type",
    /JSON Schema/,
  ],
  "a remote reference": [schema('properties: { a: { $ref: "https://example.com/s" } }'), "inputs", /references/],
  "a circular reference": [schema('properties: { a: { $ref: "#/properties/a" } }'), "inputs", /circle/],
  "an unknown dialect": [schema('$schema: "https://example.com/"'), "inputs.$schema", /2020-12/],
  "an unknown format": [
    schema("properties: { a: { format: emial } }"),
    "inputs.properties.a.format",
    /Did you mean `email`/,
  ],
  "a pattern with look-ahead": [
    schema('properties: { a: { pattern: "(?=a)b" } }'),
    "inputs.properties.a.pattern",
    /RE2/,
  ],
  "uniqueItems without a bound": [
    schema("properties: { a: { type: array, uniqueItems: true } }"),
    "inputs.properties.a.uniqueItems",
    /maxItems/,
  ],
  "the key $ in a result": [withSteps(["screenshot: true"], "result: { $: 1 }"), "result.$", /kept for Drover/],
};

for (const [what, [source, path, says]] of Object.entries(refused)) {
  test(`${what} is refused, at its place`, () => {
    const found = problems(source);
    const here = found.find((problem) => problem.path === path && says.test(`${problem.message} ${problem.remedy}`));
    assert.ok(here, JSON.stringify(found, null, 1));
    assert.ok(here.line >= 1 && here.column >= 1 && here.remedy !== "");
  });
}

test("what is refused is accepted once it is put right", () => {
  for (const source of [
    withSteps([commit], ""),
    withSteps(["{ exec: [save], guard: none }"], ""),
    withSteps(["{ exec: [look], effect: none }"]),
    withSteps(["{ press: enter }"]),
    withSteps([commit], "cleanup: { steps: [{ exec: [x], effect: idempotent }] }"),
    withSteps(["screenshot: true"], ""),
    withSteps([commit], `verify: { steps: [{ exec: [look] }] }`),
    schema('properties: { a: { $ref: "#/$defs/x" } }, $defs: { x: { type: string } }'),
  ]) {
    assert.deepEqual(problems(source), []);
  }
});

test("all problems are told at once, in the order of the source", () => {
  const found = problems(
    `workflow: w\napplication: app\ntimeuot: 2m\nreadonly: true\nsteps:\n  - { clik: x }\n  - { type: "\${nope}" }\n  - { press: a, effect: always }\n`,
  );
  assert.deepEqual(
    found.map(({ line, column, path }) => [line, column, path]),
    [
      [3, 1, "timeuot"],
      [6, 7, "steps[0].clik"],
      [7, 13, "steps[1].type"],
      [8, 25, "steps[2].effect"],
    ],
  );
});

test("a workflow may call only one of its own application, and may not hide commits by it", () => {
  const save = program(`workflow: save\napplication: app\nsteps: [${commit}]\n`);
  const other = program(`workflow: other\napplication: else\nsteps: [${commit}]\n`);
  const said = (source: string) =>
    problems(source, { save, other })
      .map(({ message }) => message)
      .join(" ");
  assert.match(said(withSteps(["{ call: other }"], "")), /drives one application/);
  assert.match(said(withSteps(["{ call: save }"])), /commits nothing/);
  assert.equal(said(withSteps(["{ call: save }", "{ press: a }"], "")), "");
  assert.match(said(withSteps(["{ call: save, with: { x: 1 } }"], "")), /no input `x`/);
});

const yaml: Record<string, [string, RegExp]> = {
  "a duplicate key": ["workflow: a\nworkflow: b\n", /Keep one/],
  "a tab": ["workflow: a\nsteps:\n\t- press: a\n", /spaces/],
  "an alias": ["workflow: &a x\napplication: *a\n", /Anchors and aliases/],
  "a tag": ["workflow: !!binary aGVsbG8=\n", /tag/],
  "two documents": ["workflow: a\n---\nworkflow: b\n", /file of its own/],
  "an open bracket": ["steps: [\n", /bracket/],
  "a source past 256 KiB": [`# ${"x".repeat(256 * 1024)}`, /256 KiB/],
  "a nest past all use": ["[".repeat(5000), /nested too deeply/],
  "a NUL": ['workflow: "a\\0b"\n', /NUL/],
  "an infinite number": ["result: { a: .inf }\n", /finite/],
};

for (const [what, [source, says]] of Object.entries(yaml)) {
  test(`${what} in the YAML is told of clearly`, () => {
    const found = problems(source);
    assert.ok(
      found.some(({ message, remedy }) => says.test(`${message} ${remedy}`)),
      JSON.stringify(found),
    );
  });
}

const applications: Record<string, [string, string, RegExp]> = {
  "no readiness": ["application: a\nlaunch: [a]\n", "", /`ready` is missing/],
  "an empty readiness": ["application: a\nlaunch: [a]\nready: []\n", "ready", /fewer than 1/],
  "no processes": ["application: a\nready: [{ window: A }]\n", "", /processes/],
  "an expression": [
    'application: a\nlaunch: [a]\nready: [{ window: "${inputs.x}" }]\n',
    "ready[0].window",
    /not known here/,
  ],
  "a commit": [
    "application: a\nlaunch: [a]\nready: [{ window: A }]\nhome: [{ press: a, effect: commit, guard: none }]\n",
    "home[0]",
    /cannot stand/,
  ],
  "a loop": [
    "application: a\nlaunch: [a]\nready: [{ window: A }]\nhome: [{ foreach: [1], steps: [] }]\n",
    "home[0].foreach",
    /not known/,
  ],
  "a bad size": [
    "application: a\nlaunch: [a]\nready: [{ window: A }]\nrecycle: { memory: 1G }\n",
    "recycle.memory",
    /1GiB/,
  ],
  "four pictures to prove": [
    "application: a\nlaunch: [a]\nready: [{ image: a.png }, { image: b.png }, { image: c.png }, { image: seven.png }]\n",
    "ready",
    /at most 3/,
  ],
};

for (const [what, [source, path, says]] of Object.entries(applications)) {
  test(`an application with ${what} is refused`, () => {
    const result = compileApplication(source, { files });
    const found = result.ok ? [] : result.problems;
    assert.ok(
      found.some((p) => p.path === path && says.test(`${p.message} ${p.remedy}`)),
      JSON.stringify(found),
    );
  });
}
