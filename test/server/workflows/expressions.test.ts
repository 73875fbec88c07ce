// Expressions: what they come to, that data is never a wildcard, and that nothing runs away.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ }` is the notation of workflows

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../../server/rules/names.ts";
import { evaluate } from "../../../server/workflows/evaluation.ts";
import { checkExpression } from "../../../server/workflows/expression.ts";
import { escapeGlob, split } from "../../../server/workflows/leaf.ts";
import { limits } from "../../../server/workflows/limits.ts";
import { quickestMs } from "../../support/quickest.ts";
import { program, walk, withSteps } from "./fixtures.ts";

const names = { variables: ["inputs", "steps"], member: () => undefined };
const work = () => ({ left: limits.workPerStepMax });

const inputs: Json = {
  n: 3,
  half: 2.5,
  whole: 2,
  text: "abc",
  list: [1, 2, 3],
  map: { a: 1, "b c": [true, null] },
  thousand: Array.from({ length: 1000 }, (_, index) => index),
  long: Array.from({ length: 200_000 }, () => 1),
  big: "a".repeat(500_000),
};

const values: [string, Json][] = [
  ["inputs.n + 1", 4],
  ["inputs.half * inputs.whole", 5],
  ["inputs.whole - inputs.half", -0.5],
  ["inputs.text + '!'", "abc!"],
  ["inputs.map", { a: 1, "b c": [true, null] }],
  ["inputs.map['b c'][0]", true],
  ["inputs.list.filter(x, x > 1).map(x, string(x))", ["2", "3"]],
  ["inputs.thousand.map(x, x * 2).size()", 1000],
  ["inputs.list + [4]", [1, 2, 3, 4]],
  ["has(inputs.none) ? 'yes' : 'no'", "no"],
  ["inputs.text.matches('^a.c$')", true],
  ["inputs.text.upperAscii().replace('B', '-')", "A-C"],
  ["'a,b'.split(',').join('+')", "a+b"],
  ["timestamp('2024-02-29T00:00:00Z').getMonth()", 1],
];

for (const [expression, value] of values) {
  test(`${expression} comes to ${JSON.stringify(value).slice(0, 40)}`, () => {
    assert.deepEqual(checkExpression(expression, names), []);
    assert.deepEqual(evaluate(expression, "here", { inputs }, work()), { ok: true, value });
  });
}

const failing = [
  "1 / 0",
  "inputs.none",
  "int(inputs.text)",
  "b'x'",
  "9223372036854775807",
  "inputs.text + 1",
  "[1][5]",
];

for (const expression of failing) {
  test(`${expression} is an EXPRESSION_ERROR that says only where it stands`, () => {
    const result = evaluate(expression, "steps[3].type", { inputs }, work());
    assert.ok(!result.ok);
    assert.equal(result.failure.category, "EXPRESSION_ERROR");
    assert.match(result.failure.message, /^The expression at steps\[3\]\.type [a-zA-Z ]+\.$/);
  });
}

const hostile = [
  "inputs.thousand.all(a, inputs.thousand.all(b, true || a == b))",
  "inputs.thousand.exists(a, inputs.thousand.exists(b, inputs.x == 1 || a.b.c.d == 1))",
  "inputs.thousand.exists(a, inputs.thousand.exists(b, int('x') == 1))",
  "inputs.thousand.map(a, inputs.thousand.map(b, a * b))",
  "inputs.thousand.map(a, inputs.big).join('')",
  "inputs.thousand.all(a, inputs.big.contains('b') || true)",
  "inputs.thousand.all(a, inputs == inputs)",
  "inputs.long.all(x, x == 1)",
  "inputs.big.matches('(a|aa)+$')",
  "inputs.big.matches('[a-z]{1,1000}$')",
  "inputs.big.replace('a', inputs.big)",
  "(inputs.big + inputs.big + inputs.big).size()",
  "int(inputs.big)",
];

for (const expression of hostile) {
  test(`${expression} ends within 100 ms, refused`, () => {
    // A first look at the inputs converts them, once: what is measured is the expression.
    evaluate("inputs.n", "here", { inputs }, work());
    const took = quickestMs(100, () => {
      assert.ok(!evaluate(expression, "here", { inputs }, work()).ok, "it came to something");
    });
    assert.ok(took < 100, `it took ${took.toFixed(0)} ms`);
  });
}

test("an error inside `||` does not hide that the budget is gone", () => {
  const expression = "inputs.thousand.exists(a, inputs.thousand.exists(b, a * b < 0)) || true";
  const result = evaluate(expression, "here", { inputs }, work());
  assert.match(result.ok ? "" : result.failure.message, /budget/);
});

test("evaluations share the budget of their step", () => {
  const left = { left: 100 };
  assert.ok(evaluate("inputs.list.all(x, x > 0)", "here", { inputs }, left).ok);
  assert.ok(left.left < 100);
  left.left = 3;
  assert.ok(!evaluate("inputs.list.all(x, x > 0)", "here", { inputs }, left).ok);
});

test("brackets and chains past all use end soon, and the deep ones are refused", () => {
  const deep = [`${"(".repeat(500)}1${")".repeat(500)}`, `${"[".repeat(33)}1${"]".repeat(33)}`, `a${".b".repeat(500)}`];
  const flat = [`${"!".repeat(1000)}true`, `${"-".repeat(1000)}1`, `1${"+1".repeat(500)}`, "a?".repeat(300)];
  for (const text of [...deep, ...flat]) {
    const took = quickestMs(100, () => {
      const found = checkExpression(text, { ...names, variables: ["a"] });
      if (deep.includes(text)) assert.notDeepEqual(found, []);
    });
    assert.ok(took < 100, text.slice(0, 10));
  }
});

const patterns = [
  "inputs.matches('(?=a)')",
  "'a'.matches(inputs)",
  "'a'.matches('a' + 'b')",
  `'a'.matches('${"a".repeat(257)}')`,
];

for (const expression of [...patterns, Array.from({ length: 9 }, () => "'a'.matches('b')").join(" || ")]) {
  test(`${expression.slice(0, 40)} is refused when it is put`, () => {
    assert.equal(checkExpression(expression, names).length, 1);
  });
}

test("no text makes the check of an expression throw", () => {
  const pieces = fc.constantFrom(
    "inputs",
    ".",
    "a",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "+",
    "&&",
    "?",
    ":",
    "'",
    "1",
    ",",
    "map",
    "x",
    " ",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (source) => {
      if (checkExpression(source, names).length > 0) return;
      evaluate(source, "here", { inputs: { a: 1 } }, work());
    }),
    { numRuns: 2000 },
  );
});

test("a dollar doubled is a literal, and braces and quotes inside an expression do not end it", () => {
  assert.deepEqual(split("a $${b} c"), ["a ${b} c"]);
  assert.deepEqual(split("${ {'k': '}'}['k'] }!"), [{ cel: "{'k': '}'}['k']" }, "!"]);
  assert.deepEqual(split("$ { } $"), ["$ { } $"]);
  assert.equal(split("${ 'open }"), undefined);
});

test("texts without expressions come back as they were", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("$", "{", "}", "'", "a") }), (text) => {
      // As a function: in a text that replaces, "$$" stands for one dollar.
      const pieces = split(text.replaceAll("${", () => "$${"));
      assert.equal(pieces?.join(""), text);
    }),
  );
});

/** Globs as the protocol defines them. */
function fits(glob: string, title: string): boolean {
  const source = glob.replace(/\\([\s\S])|\*|\?|[\s\S]/gu, (part, escaped: string | undefined) => {
    if (part === "*") return "[\\s\\S]*";
    if (part === "?") return "[\\s\\S]";
    return (escaped ?? part).replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  });
  return new RegExp(`^${source}$`, "u").test(title);
}

test("data in a title pattern fits only itself", () => {
  const data = fc.string({ unit: fc.constantFrom("*", "?", "\\", "a", "b", ".", "[", "é", " ") });
  fc.assert(
    fc.property(data, data, (written, other) => {
      assert.ok(fits(escapeGlob(written), written));
      assert.equal(fits(escapeGlob(written), other), written === other);
    }),
  );
  const made = program(
    withSteps(
      ['{ focus: "*${inputs.name} - App?" }'],
      "readonly: true\ninputs: { type: object, properties: { name: { type: string } } }",
    ),
  );
  const { commands } = walk(made, { name: "a*?\\" });
  assert.deepEqual(commands[0]?.action, { is: "focus", window: { title: "*a\\*\\?\\\\ - App?" } });
});

test("data that comes to nothing is never a pattern that fits everything", () => {
  const top = "readonly: true\ninputs: { type: object, properties: { name: { type: string } } }";
  for (const step of [
    '{ focus: "${inputs.name}" }',
    '{ focus: "*${inputs.name}*" }',
    '{ click: { text: "${inputs.name}" } }',
    '{ close: { process: "${inputs.name}" } }',
    '{ press: a, guard: { active: { class: "${inputs.name}" } } }',
  ]) {
    for (const name of ["", "  "]) {
      const { end } = walk(program(withSteps([step], top)), { name });
      assert.equal(end.is === "failed" && end.failure.category, "EXPRESSION_ERROR", step);
    }
  }
  assert.equal(walk(program(withSteps(['{ type: "${inputs.name}" }'], top)), { name: "" }).end.is, "finished");
});
