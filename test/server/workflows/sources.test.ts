// Any text at all may be put: it is compiled or refused, and never throws.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileApplication, compileWorkflow } from "../../../server/workflows/compile.ts";
import { quickestMs } from "../../support/quickest.ts";
import { files } from "./fixtures.ts";

const context = { files, workflow: () => undefined, application: () => true };

function bothAnswer(source: string): void {
  for (const result of [compileWorkflow(source, context), compileApplication(source, { files })]) {
    if (result.ok) continue;
    assert.ok(result.problems.length > 0);
    for (const { line, column, message, remedy } of result.problems) {
      assert.ok(line >= 1 && column >= 1 && message !== "" && remedy !== "", JSON.stringify(result.problems));
    }
  }
}

test("no text makes the compilers throw", () => {
  const piece = fc.constantFrom(
    "a",
    ":",
    " ",
    "\n",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "&x",
    "*x",
    "!!t",
    "|",
    ">",
    "#",
    "\t",
    "${",
    "?",
    "0",
    "null",
    "<<",
  );
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.array(piece, { maxLength: 60 }).map((parts) => parts.join("")),
  );
  fc.assert(fc.property(text, bothAnswer), { numRuns: 1500 });
});

test("no JSON in the place of any key makes the compilers throw", () => {
  const key = fc.constantFrom(
    "workflow",
    "application",
    "inputs",
    "outputs",
    "timeout",
    "retry",
    "readonly",
    "requires",
    "steps",
    "verify",
    "cleanup",
    "result",
    "ready",
    "launch",
    "home",
    "dismiss",
    "recycle",
    "click",
    "type",
    "press",
    "wait",
    "read",
    "exec",
    "foreach",
    "call",
    "with",
    "as",
    "id",
    "when",
    "guard",
    "done",
    "in",
    "effect",
    "image",
    "text",
    "window",
    "not",
    "all",
    "for",
  );
  const leaf = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom("${inputs.a}", "app", "2s", "commit", "none", "seven.png", "active"),
  );
  const value = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(key, tie("node"), { maxKeys: 4 }),
    ),
  })).node;
  const step = fc.dictionary(key, value, { minKeys: 1, maxKeys: 3 });
  const source = fc.record({
    workflow: fc.constant("w"),
    application: fc.constant("app"),
    readonly: fc.boolean(),
    ready: fc.array(step, { maxLength: 2 }),
    steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    [`x`]: value,
  });
  const shaped = source.map(({ x, ready, steps, ...rest }) => [
    JSON.stringify({ ...rest, steps, result: x }),
    JSON.stringify({ application: "app", processes: ["a"], ready, home: steps }),
  ]);
  fc.assert(
    fc.property(shaped, (sources) => {
      for (const each of sources) bothAnswer(each);
    }),
    { numRuns: 800 },
  );
});

test("sources made to be slow are answered within two seconds", () => {
  const head = "workflow: w\napplication: app\nsteps: [{ press: a }]\n";
  for (const source of [
    `${"a: ".repeat(50)}\n`,
    `a:\n${Array.from({ length: 400 }, (_, n) => `${" ".repeat(n)}b:`).join("\n")}`,
    `${"- ".repeat(60_000)}a`,
    `a: ${"{a: ".repeat(60)}1${"}".repeat(60)}`,
    `steps: [${"{press: a},".repeat(20_000)}]`,
    `x: "${"\\u0041".repeat(40_000)}"`,
    `x: ${"[".repeat(250)}${"]".repeat(250)}`,
    Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join("\n"),
    `${head}requires: { labels: { ${Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join(", ")} } }`,
  ]) {
    const took = quickestMs(2000, () => bothAnswer(source));
    assert.ok(took < 2000, `${source.slice(0, 60)} took ${took.toFixed(0)} ms of a processor`);
  }
});
