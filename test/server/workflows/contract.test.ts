// Inputs and outputs against their schemas.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../../server/rules/names.ts";
import { checkInputs } from "../../../server/workflows/inputs.ts";
import { quickestMs } from "../../support/quickest.ts";
import { compiled, program, withSteps } from "./fixtures.ts";

const withInputs = (schema: Json) => program(withSteps(["screenshot: true"], `inputs: ${JSON.stringify(schema)}`));

const patient = withInputs({
  type: "object",
  additionalProperties: false,
  required: ["id", "born"],
  properties: {
    id: { type: "string", pattern: "^[0-9]{4,8}$" },
    born: { type: "string", format: "date" },
    visits: { type: "array", maxItems: 3, items: { type: "object", properties: { room: { enum: ["A", "B"] } } } },
  },
});

test("inputs that fit have no violations", () => {
  assert.deepEqual(checkInputs(patient, { id: "12345", born: "1970-01-31", visits: [{ room: "A" }] }), []);
});

test("every violation is told with its path and rule, and without the value", () => {
  const secret = "Zaphod-4711";
  const found = checkInputs(patient, { id: secret, born: secret, visits: [{ room: secret }], extra: secret });
  assert.deepEqual(found.map(({ path }) => path).sort(), ["", "born", "id", "visits.0.room"]);
  assert.ok(!JSON.stringify(found).includes(secret));
  assert.match(checkInputs(patient, {})[0]?.message ?? "", /required property 'id'/);
  assert.equal(checkInputs(patient, [1]).length, 1);
});

test("draft-07 and 2020-12 are told apart", () => {
  const pair = { type: "array", items: [{ type: "string" }], additionalItems: false };
  const old = withInputs({ $schema: "http://json-schema.org/draft-07/schema#", type: "object", properties: { pair } });
  assert.deepEqual(checkInputs(old, { pair: ["a"] }), []);
  assert.equal(checkInputs(old, { pair: ["a", "b"] }).length, 1);
  const now = withInputs({ type: "object", properties: { pair: { prefixItems: [{ type: "string" }], items: false } } });
  assert.equal(checkInputs(now, { pair: ["a", "b"] }).length, 1);
});

test("a property called $ref, and a default that looks like a schema, are data", () => {
  const made = withInputs({ type: "object", properties: { $ref: { type: "string", default: { $ref: "x" } } } });
  assert.deepEqual(checkInputs(made, { $ref: "a" }), []);
});

test("a pattern that would take a backtracking engine for ever is answered at once", () => {
  const made = withInputs({ type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } });
  const took = quickestMs(500, () => assert.equal(checkInputs(made, { a: `${"a".repeat(30_000)}b` }).length, 1));
  assert.ok(took < 500);
});

test("each property is held to its own pattern, and so is each schema", () => {
  const file = withInputs({
    type: "object",
    properties: { name: { type: "string", pattern: "^[a-z]+$" }, age: { type: "string", pattern: "^[0-9]+$" } },
  });
  const other = withInputs({ type: "object", properties: { name: { type: "string", pattern: "^[A-Z]+$" } } });
  assert.deepEqual(checkInputs(file, { name: "anna", age: "30" }), []);
  assert.deepEqual(
    checkInputs(file, { name: "30", age: "anna" }).map(({ path }) => path),
    ["name", "age"],
  );
  assert.deepEqual(checkInputs(other, { name: "ANNA" }), []);
});

test("a text too long for its pattern or format does not pass", () => {
  const made = withInputs({
    type: "object",
    properties: { a: { pattern: "^[a-z]{1,900}" }, b: { type: "string", format: "email" } },
  });
  assert.equal(checkInputs(made, { a: "a".repeat(100_000) }).length, 1);
  assert.equal(checkInputs(made, { b: `${"a".repeat(5000)}@b.c` }).length, 1);
});

test("references that multiply are refused when the schema is put", () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [
      `d${n}`,
      n === 39 ? { type: "string" } : { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
    ]),
  );
  const schema = { type: "object", properties: { a: { $ref: "#/$defs/d0" } }, $defs };
  assert.ok(!compiled(withSteps(["screenshot: true"], `inputs: ${JSON.stringify(schema)}`)).ok);
});

test("a value too large for its schema is refused, not checked for ever", () => {
  const anyOf = Array.from({ length: 1500 }, (_, n) => ({ const: n }));
  const made = withInputs({ type: "object", properties: { a: { type: "array", items: { anyOf } } } });
  const took = quickestMs(1000, () => {
    const found = checkInputs(made, { a: Array.from({ length: 100_000 }, () => -1) });
    assert.match(found[0]?.message ?? "", /too large/);
  });
  assert.ok(took < 1000);
});

test("no JSON makes the check of inputs throw", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(checkInputs(patient, value as Json))));
  let deep: Json = 1;
  for (let level = 0; level < 20_000; level++) deep = [deep];
  assert.equal(checkInputs(patient, { id: deep }).length, 1);
});

test("no schema makes the compilation throw", () => {
  const keyword = fc.constantFrom(
    "type",
    "properties",
    "items",
    "$ref",
    "allOf",
    "pattern",
    "enum",
    "$defs",
    "not",
    "format",
    "if",
  );
  const schema = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<Json>("object", "string", "#/$defs/a", "(", true, 3, null),
      fc.dictionary(keyword, tie("node"), { maxKeys: 4 }),
      fc.array(tie("node"), { maxLength: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(schema, fc.jsonValue(), (inner, value) => {
      const source = withSteps(
        ["screenshot: true"],
        `inputs: ${JSON.stringify({ type: "object", properties: { a: inner } })}`,
      );
      const result = compiled(source);
      if (result.ok) checkInputs(result.program, { a: value as Json });
    }),
    { numRuns: 300 },
  );
});
