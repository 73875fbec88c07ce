// Versions and ranges of them: a table, and what holds for any.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isVersionRange, isWithin } from "../../../server/rules/version-range.ts";

/** By range: versions in it, and versions not in it. */
const ranges: Record<string, [within: string[], without: string[]]> = {
  "4.2": [
    ["4.2", "4.2.0", "4.2.0.0", "04.2"],
    ["4.2.1", "4.2.0.1", "4.20", "4", "42"],
  ],
  "=4.2.1": [["4.2.1"], ["4.2", "4.2.1.7"]],
  ">=4.2 <5": [
    ["4.2", "4.10", "4.99.99.99"],
    ["4.1.9", "5", "5.0.0.1"],
  ],
  ">4.2 <=5": [
    ["4.2.0.1", "5.0.0"],
    ["4.2", "5.0.1"],
  ],
  "~4.2": [
    ["4.2", "4.2.9"],
    ["4.3", "4.1", "5.2"],
  ],
  "~4": [
    ["4", "4.9"],
    ["5", "3.9"],
  ],
  "~10.0.19045.3930": [
    ["10.0.19045.3930", "10.0.19045.4000"],
    ["10.0.19045.1", "10.1.19045.3930"],
  ],
  "^4.2.1": [
    ["4.2.1", "4.9"],
    ["4.2", "5"],
  ],
  "^4.2.1.3": [
    ["4.2.1.3", "4.2.2"],
    ["4.2.1.2", "5.0"],
  ],
  "^0.3": [
    ["0.3", "0.3.9"],
    ["0.4", "1", "0.2"],
  ],
  "^0.0.3": [
    ["0.0.3", "0.0.3.1"],
    ["0.0.4", "0.0.2"],
  ],
  "^0.0.0": [
    ["0.0.0", "0.0.0.9"],
    ["0.0.1", "0.5"],
  ],
  "~4.999999999999999.1": [
    ["4.999999999999999.1", "4.999999999999999.2"],
    ["4.999999999999998.9", "4.999999999999999"],
  ],
  "4.2 || >=6 <7 || 9": [
    ["4.2", "6.5", "9"],
    ["5", "7", "4.2.1"],
  ],
  ">=1": [
    ["1", "9999999999", "999999999999999.1"],
    ["9007199254740993", "1.9007199254740993", "", "4.2-beta", "v4.2", "4.x", "x", "1.2.3.4.5", "latest", "4.2 ", "-1"],
  ],
};

for (const [range, [within, without]] of Object.entries(ranges)) {
  test(`the range ${range}`, () => {
    assert.ok(isVersionRange(range));
    for (const version of within) assert.ok(isWithin(version, range), `${version} is in it`);
    for (const version of without) assert.ok(!isWithin(version, range), `${version} is not in it`);
  });
}

test("what is no range is told apart, and holds no version", () => {
  for (const text of [
    "",
    " ",
    "4.x",
    "*",
    ">= 4",
    "4..2",
    "4.2.",
    "||",
    "4 ||",
    "1 - 2",
    "latest",
    "1.2.3.4.5",
    "v4",
    "!=4",
    "9007199254740993",
    ">=4.9007199254740993",
  ]) {
    assert.ok(!isVersionRange(text), text);
    assert.ok(!isWithin("4", text) || text === "4 ||", text);
  }
});

const anyNumbers = fc.array(fc.nat(12), { minLength: 1, maxLength: 4 });
const anyVersion = anyNumbers.map((numbers) => numbers.join("."));

test("for any two versions one comparator of <, = and > holds; ~ and ^ hold what they name and end", () => {
  fc.assert(
    fc.property(anyVersion, anyVersion, (version, bound) => {
      const holding = ["<", "=", ">"].filter((operator) => isWithin(version, `${operator}${bound}`));
      assert.equal(holding.length, 1);
      assert.equal(isWithin(version, `<=${bound}`), !holding.includes(">"));
      assert.equal(isWithin(version, `>=${bound}`), !holding.includes("<"));
      for (const range of [`~${bound}`, `^${bound}`]) {
        assert.ok(isWithin(bound, range));
        if (holding.includes("<")) assert.ok(!isWithin(version, range));
        assert.ok(!isWithin("13", range) && !isWithin("13.13", range));
      }
      // What is left out is 0.
      assert.equal(isWithin(`${version}.0`, `=${bound}`), version.split(".").length < 4 && holding.includes("="));
    }),
  );
});

test("any text can be asked about", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (version, range) => typeof isWithin(version, range) === "boolean"));
});
