// How a program is gone through: the current window, skipping, loops, calls, retries, cleanup, ends. Every walk sends
// progress through JSON after each command (`fixtures.ts`).

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InputAmount } from "../../../server/rules/command.ts";
import type { Json } from "../../../server/rules/names.ts";
import { begin, next, record, retryStep } from "../../../server/workflows/interpreter.ts";
import { limits } from "../../../server/workflows/limits.ts";
import type { Program } from "../../../server/workflows/program.ts";
import { quickestMs } from "../../support/quickest.ts";
import { program, walk, withSteps } from "./fixtures.ts";

const open = "readonly: true\ninputs: { type: object }";
const focuses = (made: Program, inputs: Json = {}) =>
  walk(made, inputs).commands.flatMap(({ action, focus }) =>
    ["type", "press", "paste"].includes(action.is) ? [focus?.title ?? null] : [],
  );
const steps = (made: Program, inputs: Json = {}) => walk(made, inputs).commands.map(({ step }) => step);
const failure = (made: Program, inputs: Json = {}) => {
  const { end } = walk(made, inputs);
  return end.is === "failed" ? end.failure : undefined;
};

const windows: [string, string[], (string | null)[]][] = [
  ["no window is named", ["{ press: a }"], [null]],
  ["a focus names one", ["{ focus: A }", "{ press: a }", "{ type: b }", "{ paste: c }"], ["A", "A", "A"]],
  ["a click on a window names it", ["{ click: { window: A } }", "{ press: a }"], ["A"]],
  ["a click within a window names it", ["{ click: { image: a.png, within: A, dx: 3 } }", "{ press: a }"], ["A"]],
  ["a click anywhere names none", ["{ focus: A }", "{ click: { text: x } }", "{ press: a }"], ["A"]],
  ["a wait names its last window", ["{ wait: [{ window: A }, { active: B }] }", "{ press: a }"], ["B"]],
  ["a wait for absence names none", ["{ focus: A }", "{ wait: { window: B, absent: true } }", "{ press: a }"], ["A"]],
  ["a launch names none", ["{ focus: A }", "{ launch: [x] }", "{ press: a }"], ["A"]],
  ["a press changes nothing", ["{ focus: A }", "{ press: a, done: { window: B } }", "{ press: b }"], ["A", "A"]],
  ["`in` comes first, for its step alone", ["{ focus: A }", "{ press: a, in: B }", "{ press: b }"], ["B", "A"]],
  ["a skipped step names none", ["{ focus: A }", '{ when: "${false}", focus: B }', "{ press: a }"], ["A"]],
  ["a loop's window goes on after it", ["{ foreach: [1], steps: [{ focus: A }] }", "{ press: a }"], ["A"]],
];

for (const [what, list, expected] of windows) {
  test(`the current window: ${what}`, () => {
    assert.deepEqual(focuses(program(withSteps(list, open))), expected);
  });
}

test("a called workflow begins with no current window, and its caller goes on with its own", () => {
  const inner = program(
    withSteps(["{ press: x }", "{ focus: B }", "{ press: y }"]).replace("workflow: w", "workflow: inner"),
  );
  const made = program(withSteps(["{ focus: A }", "{ call: inner }", "{ press: z }"], open), { inner });
  assert.deepEqual(focuses(made), [null, "B", "A"]);
  assert.deepEqual(steps(made), [
    "steps[0]",
    "steps[1]/steps[0]",
    "steps[1]/steps[1]",
    "steps[1]/steps[2]",
    "steps[2]",
  ]);
});

test("a loop gives each item its turn, inside each other too", () => {
  const made = program(
    withSteps(
      [
        '{ foreach: "${inputs.rows}", as: row, steps: [{ foreach: "${row}", as: cell, steps: [{ type: "${cell}" }] }] }',
      ],
      open,
    ),
  );
  const typed = walk(made, { rows: [["a", "b"], [], ["c"]] }).commands.map(({ action }) =>
    action.is === "type" ? action.text : "",
  );
  assert.deepEqual(typed, ["a", "b", "c"]);
});

test("what a loop's step found is forgotten at the next turn", () => {
  const body =
    '[{ id: seen, when: "${n == 1}", read: clipboard }, { type: "${has(steps.seen) ? steps.seen.text : string(n)}" }]';
  const made = program(withSteps([`{ foreach: [1, 2], as: n, steps: ${body} }`], open));
  const { commands } = walk(made, {}, () => ({ text: "found" }));
  assert.deepEqual(
    commands.map(({ action }) => action.is === "type" && action.text),
    [false, "found", "2"],
  );
});

test("a loop over a thousand items goes through, and one more is refused", () => {
  const made = program(withSteps(['{ foreach: "${inputs.list}", steps: [{ press: a }] }'], open));
  const list = (length: number) => ({ list: Array.from({ length }, () => 0) });
  assert.equal(steps(made, list(1000)).length, 1000);
  assert.equal(failure(made, list(1001))?.category, "EXPRESSION_ERROR");
  assert.equal(failure(made, { list: "abc" })?.category, "EXPRESSION_ERROR");
});

test("loops inside loops end at the limit of commands, or of steps looked at", () => {
  const nest = (inner: string) => {
    let body = inner;
    for (let level = 0; level < 3; level++) body = `{ foreach: "\${inputs.list}", as: i${level}, steps: [${body}] }`;
    return program(withSteps([body], open));
  };
  const inputs = { list: Array.from({ length: 30 }, () => 0) };
  const { commands, end } = walk(nest("{ press: a }"), inputs);
  assert.equal(commands.length, limits.commandsPerAttemptMax);
  assert.match(end.is === "failed" ? end.failure.message : "", /10000 commands/);
  const made = nest('{ when: "${false}", press: a }');
  const took = quickestMs(3000, () => assert.match(failure(made, inputs)?.message ?? "", /50000 steps|budget/));
  assert.ok(took < 3000, `${took.toFixed(0)} ms of a processor`);
});

test("a call takes checked inputs and gives outputs", () => {
  const inner = program(
    `workflow: inner\napplication: app\nreadonly: true
inputs: { type: object, additionalProperties: false, required: [n], properties: { n: { type: integer } } }
steps: [{ id: r, read: clipboard }]
result: { said: "\${steps.r.text}", twice: "\${inputs.n * 2}" }\n`,
  );
  const top = `${open}\nresult: { said: "\${steps.c.outputs.said}", n: "\${steps.c.outputs.twice}" }`;
  const made = program(withSteps(['{ id: c, call: inner, with: { n: "${inputs.n}" } }'], top), { inner });
  const { commands, end } = walk(made, { n: 4 }, () => ({ text: "hi" }));
  assert.equal(commands[0]?.step, "c/r");
  assert.deepEqual(end.is === "finished" && end.outputs, { said: "hi", n: 8 });
  assert.match(failure(made, { n: "secret" })?.message ?? "", /input n of inner must be integer/);
});

test("a call means the version that was there when its caller was put, at every depth", () => {
  const one = program("workflow: x\napplication: app\nsteps: [{ pause: 1s }]\n");
  const middle = program("workflow: m\napplication: app\nsteps: [{ call: x }]\n", { x: one });
  const two = program("workflow: x\napplication: app\nsteps: [{ pause: 2s }]\n");
  const made = program("workflow: t\napplication: app\nsteps: [{ call: m }, { call: x }]\n", { m: middle, x: two });
  const pauses = walk(made, {}).commands.map(({ action }) => (action.is === "pause" ? action.durationMs : 0));
  assert.deepEqual(pauses, [1000, 2000]);
});

test("`when` must be true or false", () => {
  const made = program(withSteps(['{ when: "${inputs.n}", press: a }'], open));
  assert.deepEqual(steps(made, { n: false }), []);
  assert.deepEqual(failure(made, { n: 1 }), {
    category: "EXPRESSION_ERROR",
    message: "The step's `when` is not true or false.",
    step: "steps[0]",
  });
});

test("outputs that do not fit the schema fail the run, and say where without saying what", () => {
  const top = `${open}\noutputs: { type: object, properties: { n: { type: integer } } }\nresult: { n: "\${inputs.n}" }`;
  const made = program(withSteps(["screenshot: true"], top));
  assert.deepEqual(failure(made, { n: "secret" }), {
    category: "OUTPUT_INVALID",
    message: "The output n must be integer.",
  });
  assert.equal(walk(made, { n: 3 }).end.is, "finished");
});

test("only what an expression asks for is kept", () => {
  const made = program(
    withSteps(["{ id: a, read: clipboard }", "{ id: b, read: clipboard }", '{ type: "${steps.b.text}" }'], open),
  );
  let progress = begin(made, {}, "steps");
  for (let turn = 0; turn < 2; turn++) {
    const step = next(made, progress);
    assert.ok(step.is === "command");
    progress = record(made, step.progress, { text: `found ${turn}` });
  }
  assert.ok(!JSON.stringify(progress).includes("found 0"));
  assert.ok(JSON.stringify(progress).includes("found 1"));
});

test("cleanup has its own commands and no outputs", () => {
  const made = program(
    withSteps(["{ press: a }"], `${open}\ncleanup: [{ press: escape }, { exec: [tidy], effect: idempotent }]`),
  );
  const { commands, end } = walk(made, {}, undefined, "cleanup");
  assert.deepEqual(
    commands.map(({ step }) => step),
    ["cleanup[0]", "cleanup[1]"],
  );
  assert.deepEqual(end.is === "finished" && end.outputs, null);
});

const amounts: readonly InputAmount[] = ["none", "some", "all"];

test("a step is tried again in place only if nothing reached the desktop, or doing it twice does no harm", () => {
  for (const effect of ["none", "idempotent", "commit"] as const) {
    const made = program(
      withSteps([`{ press: a, effect: ${effect}, guard: none, retry: 3 }`], effect === "commit" ? "" : open),
    );
    const step = next(made, begin(made, {}, "steps"));
    assert.ok(step.is === "command");
    for (const input of amounts) {
      const answer = retryStep(made, step.progress, { category: "FOCUS_LOST", input });
      assert.equal(answer.again, input === "none" || effect === "idempotent", `${effect} ${input}`);
    }
    assert.equal(retryStep(made, step.progress, { category: "CANCELLED", input: "none" }).again, false);
    assert.equal(retryStep(made, begin(made, {}, "steps"), { category: "FOCUS_LOST", input: "none" }).again, false);
  }
});

test("a step's own attempts end, are counted anew for the next step, and name their failures", () => {
  const list = [
    "{ press: a, retry: { attempts: 2, on: [FOCUS_LOST], delay: 2s } }",
    "{ press: b, retry: 2 }",
    "{ press: c }",
  ];
  const made = program(withSteps(list, open));
  const out = (progress: Json) => {
    const step = next(made, progress);
    assert.ok(step.is === "command");
    return step;
  };
  const lost = { category: "FOCUS_LOST", input: "none" } as const;
  const first = out(begin(made, {}, "steps"));
  assert.equal(retryStep(made, first.progress, { category: "TIMEOUT", input: "none" }).again, false);
  const again = retryStep(made, first.progress, lost);
  assert.ok(again.again && again.delayMs === 2000);
  const second = out(again.progress);
  assert.deepEqual(second.command, first.command);
  assert.equal(retryStep(made, second.progress, lost).again, false);
  const other = out(record(made, second.progress, {}));
  assert.ok(retryStep(made, other.progress, lost).again);
  const last = out(record(made, other.progress, {}));
  assert.equal(retryStep(made, last.progress, lost).again, false);
});

test("a text typed is at most 64 KiB, and a chord at most 64 characters", () => {
  const typing = program(withSteps(['{ type: "${inputs.t}" }'], open));
  assert.equal(failure(typing, { t: "é".repeat(32 * 1024) }), undefined);
  assert.equal(failure(typing, { t: "é".repeat(32 * 1024 + 1) })?.category, "EXPRESSION_ERROR");
  const pressing = program(withSteps(['{ press: "${inputs.t}" }'], open));
  assert.equal(failure(pressing, { t: "a".repeat(65) })?.category, "EXPRESSION_ERROR");
});

test("numbers in text positions stay as they are written", () => {
  const made = program(withSteps(["{ press: 7 }", "{ type: 007 }", "{ type: 1.50 }"], open));
  const said = walk(made, {}).commands.map(({ action }) =>
    action.is === "press" ? action.chord : action.is === "type" && action.text,
  );
  assert.deepEqual(said, ["7", "007", "1.50"]);
});

test("an author's data in a result is never taken for a template", () => {
  const made = program(
    withSteps(["screenshot: true"], `${open}\nresult: { echo: "\${inputs.x}", list: ["\${inputs.x}", "a $\${b}"] }`),
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as Json;
      const { end } = walk(made, { x: plain });
      if (end.is === "finished") assert.deepEqual(end.outputs, { echo: plain, list: [plain, "a ${b}"] });
      else assert.equal(end.is === "failed" && end.failure.category, "EXPRESSION_ERROR");
    }),
  );
  assert.deepEqual(walk(made, { x: { $: { cel: "inputs" } } }).end.is, "finished");
});

test("no JSON as inputs or progress of another program makes the interpreter throw", () => {
  const made = program(
    withSteps(
      [
        '{ foreach: "${inputs.list}", steps: [{ id: a, type: "${item}" }] }',
        '{ type: "${inputs.text}", when: "${inputs.flag}" }',
      ],
      open,
    ),
  );
  const other = program(withSteps(["{ press: a }"], open));
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (list, text) => {
      const inputs = JSON.parse(JSON.stringify({ list, text, flag: true })) as Json;
      walk(made, inputs);
      walk(made, JSON.parse(JSON.stringify(list)) as Json);
      const step = next(made, begin(made, inputs, "steps"));
      if (step.is === "command") next(other, step.progress);
    }),
  );
});
