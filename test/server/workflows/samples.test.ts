// The samples of the design, and the examples that are shipped.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { begin, next, record, verifiedOutputs } from "../../../server/workflows/interpreter.ts";
import { summary } from "../../../server/workflows/summary.ts";
import { application, program, walk } from "./fixtures.ts";

const notes = `workflow: notes.save
application: mousepad
inputs:  { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
outputs: { type: object, properties: { title: { type: string } } }
timeout: 2m
retry: { attempts: 2, on: [MACHINE_LOST, APP_CRASHED] }
steps:
  - click: { window: Mousepad }
  - type: \${inputs.text}
  - press: ctrl+s
  - wait: { window: Save As, for: 10s }
  - type: \${inputs.path}
  - { id: save, press: enter, effect: commit, guard: { window: Save As }, done: { window: "*\${inputs.path}*" } }
  - { id: title, read: { window: active } }
verify:                       # after a loss inside the commit: did it take hold?
  on: same-machine
  steps: [ { exec: { command: [cmp-note, "\${inputs.path}"] } } ]
result: { title: "\${steps.title.text}" }
`;

const mousepad = `application: mousepad
launch: { command: [mousepad, --disable-server] }
ready:
  - window: "*Mousepad"
  - responsive: 2s
home: [ { press: escape } ]
dismiss:
  - { when: { text: "Save changes?" }, click: { text: "Don't Save" } }
recycle: { runs: 50, age: 8h, memory: 1GiB }
`;

test("the design's workflow compiles unchanged and becomes the commands it describes", () => {
  const made = program(notes);
  const { commands, end } = walk(made, { path: "/tmp/a*.txt", text: "hello" }, ({ step }) =>
    step === "title" ? { text: "a*.txt - Mousepad" } : {},
  );
  assert.deepEqual(
    commands.map(({ step, focus, effect, timeoutMs }) => [step, focus?.title, effect, timeoutMs]),
    [
      ["steps[0]", undefined, "none", 30_000],
      ["steps[1]", "Mousepad", "none", 30_000],
      ["steps[2]", "Mousepad", "none", 30_000],
      ["steps[3]", undefined, "none", 10_000],
      ["steps[4]", "Save As", "none", 30_000],
      ["save", "Save As", "commit", 30_000],
      ["title", undefined, "none", 30_000],
    ],
  );
  assert.deepEqual(commands[5]?.guard, [{ window: { title: "Save As" } }]);
  assert.deepEqual(commands[5]?.done, [{ window: { title: "*/tmp/a\\*.txt*" } }]);
  assert.deepEqual(end.is === "finished" && end.outputs, { title: "a*.txt - Mousepad" });

  const verify = walk(made, { path: "/tmp/x", text: "" }, undefined, "verify");
  assert.deepEqual(verify.commands[0]?.action, { is: "exec", name: "cmp-note", arguments: ["/tmp/x"] });
  assert.equal(verify.commands[0]?.effect, "none");
});

test("a summary says what a run needs without walking the program", () => {
  const { inputs: _, outputs: __, ...rest } = summary(program(notes));
  assert.deepEqual(rest, {
    workflow: "notes.save",
    application: "mousepad",
    requires: { labels: [] },
    capabilities: ["exec"],
    timeoutMs: 120_000,
    queueMs: 3_600_000,
    priority: 0,
    retry: {
      attempts: 2,
      on: ["MACHINE_LOST", "APP_CRASHED"],
      pace: { delayMs: 0, delayMaxMs: 0, anotherMachine: true },
    },
    readonly: false,
    steps: 7,
    effects: { none: 6, idempotent: 0, commit: 1 },
    sendsInput: true,
    verify: "same-machine",
    hasCleanup: false,
    files: [],
  });
});

test("the design's application compiles unchanged", () => {
  const made = application(mousepad);
  assert.deepEqual(made.processes, ["mousepad"]);
  assert.deepEqual(made.ready, [{ window: { title: "*Mousepad" } }, { responsiveMs: 2000 }]);
  assert.deepEqual(made.recycle, { runs: 50, ageMs: 28_800_000, memoryBytes: 1024 ** 3 });
  assert.deepEqual(made.dismiss[0]?.when, [{ text: { text: "Save changes?" } }]);
  assert.deepEqual(made.dismiss[0]?.commands[0]?.action, {
    is: "click",
    target: { text: { text: "Don't Save" } },
    button: "left",
    count: 1,
  });
});

test("every shipped example compiles, and names the schema that it is checked by", () => {
  const folder = new URL("../../../examples/", import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));
  assert.ok(names.length >= 8);
  for (const name of names) {
    const source = readFileSync(new URL(name, folder), "utf8");
    const kind = name.includes(".application.") ? "application" : "workflow";
    const up = "../".repeat(name.split("/").length);
    assert.ok(
      source.startsWith(`# yaml-language-server: $schema=${up}server/workflows/schema/${kind}.schema.json\n`),
      name,
    );
    if (kind === "application") application(source);
    else program(source);
  }
});

test("the multiplication example reads the product as a number, whatever groups its digits", () => {
  const source = readFileSync(new URL("../../../examples/sums.multiply.workflow.yaml", import.meta.url), "utf8");
  const made = program(source);
  const { commands, end } = walk(made, { left: 1234, right: 567 }, () => ({ text: " 699,678\n" }));
  assert.deepEqual(end.is === "finished" && end.outputs, { product: 699_678 });
  assert.equal(commands.filter(({ action }) => action.is === "click").length, 1);
});

test("the note example tells its outputs when it was cut off in saving, and verify finds the note", () => {
  const made = program(readFileSync(new URL("../../../examples/notes.save.workflow.yaml", import.meta.url), "utf8"));
  const inputs = { path: "/tmp/a.txt", text: "hello" };
  const look = next(made, begin(made, inputs, "verify"));
  assert.ok(look.is === "command");
  assert.deepEqual(look.command.action, { is: "exec", name: "note-is", arguments: ["/tmp/a.txt", "hello"] });
  const found = record(made, look.progress, { exitCode: 0, text: "" });
  assert.deepEqual(verifiedOutputs(made, begin(made, inputs, "steps"), found), { title: "/tmp/a.txt - Mousepad" });
});
