// What a workflow requires against what a machine offers: by example, and for any labels.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LabelTest, misfit, misfits, type Offer, type Requirement } from "../../../server/rules/matching.ts";

const requires = (changes: Partial<Requirement> = {}): Requirement => ({ application: "ehr", labels: [], ...changes });
const offers = (applications: Record<string, string>, labels: Record<string, string> = {}): Offer => ({
  applications: Object.entries(applications).map(([name, version]) => ({ name, version })),
  labels,
});

test("without a range any version will do, also one that is not known", () => {
  assert.equal(misfit(requires(), offers({ ehr: "" })), undefined);
  assert.equal(misfit(requires(), offers({ ehr: "4.2-beta" })), undefined);
  assert.equal(misfit(requires({ version: ">=4" }), offers({ ehr: "" })), "WRONG_VERSION");
});

test("the first reason is told: no such application, then its version, then the labels", () => {
  const wanted = requires({ version: "~4.2", labels: [{ label: "site", is: "in", values: ["north"] }] });
  const told = [
    misfit(wanted, offers({ notes: "4.2" }, { site: "north" })),
    misfit(wanted, offers({ ehr: "4.3" }, { site: "south" })),
    misfit(wanted, offers({ ehr: "4.2.1" }, { site: "south" })),
  ];
  assert.deepEqual(told, [...misfits]);
  assert.equal(misfit(wanted, offers({ ehr: "4.2.1" }, { site: "north" })), undefined);
});

test("of two versions side by side one has to fit, and another application's version is no matter", () => {
  const both: Offer = {
    applications: [
      { name: "ehr", version: "3.9" },
      { name: "ehr", version: "4.2" },
      { name: "notes", version: "9" },
    ],
    labels: {},
  };
  assert.equal(misfit(requires({ version: "4.2" }), both), undefined);
  assert.equal(misfit(requires({ version: "3.9" }), both), undefined);
  assert.equal(misfit(requires({ version: "9" }), both), "WRONG_VERSION");
});

/** By test: values of the label (undefined: it has no such label) of machines that pass it, and of those that do not. */
const labels: [LabelTest, passes: (string | undefined)[], fails: (string | undefined)[]][] = [
  [{ label: "site", is: "in", values: ["north"] }, ["north"], ["North", "", "north ", "south", undefined]],
  [{ label: "site", is: "in", values: ["north", "south"] }, ["north", "south"], ["east", undefined]],
  [{ label: "site", is: "not", values: ["north", "south"] }, ["east", "", undefined], ["north", "south"]],
  [{ label: "site", is: "present" }, ["north", ""], [undefined]],
  [{ label: "site", is: "absent" }, [undefined], ["north", ""]],
  [{ label: "site", is: "in", values: ["1.10"] }, ["1.10"], ["1.1", "1.100"]],
];

for (const [asked, passes, fails] of labels) {
  test(`the label test ${asked.is}${"values" in asked ? ` ${asked.values}` : ""}`, () => {
    const on = (value: string | undefined) =>
      misfit(requires({ labels: [asked] }), offers({ ehr: "1" }, value === undefined ? {} : { site: value }));
    for (const value of passes) assert.equal(on(value), undefined, `${value} passes`);
    for (const value of fails) assert.equal(on(value), "LABEL_MISMATCH", `${value} fails`);
  });
}

test("a label has no value that every object has", () => {
  for (const label of ["constructor", "__proto__", "toString"]) {
    assert.equal(misfit(requires({ labels: [{ label, is: "present" }] }), offers({ ehr: "1" })), "LABEL_MISMATCH");
    assert.equal(misfit(requires({ labels: [{ label, is: "absent" }] }), offers({ ehr: "1" })), undefined);
  }
});

const names = ["site", "room", "screen"];
const values = ["a", "b", "c"];
const anyTest: fc.Arbitrary<LabelTest> = fc.oneof(
  fc.record({
    label: fc.constantFrom(...names),
    is: fc.constantFrom("in", "not" as const),
    values: fc.subarray(values, { minLength: 1 }),
  }),
  fc.record({ label: fc.constantFrom(...names), is: fc.constantFrom("present", "absent" as const) }),
);
const anyLabels = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...values), { noNullPrototype: true });

test("for any labels: all tests have to hold, each by itself, in any order; a test and its contrary never both do", () => {
  const contrary: Record<LabelTest["is"], LabelTest["is"]> = {
    in: "not",
    not: "in",
    present: "absent",
    absent: "present",
  };
  fc.assert(
    fc.property(fc.array(anyTest, { maxLength: 5 }), anyLabels, (tests, machine) => {
      const fits = (...asked: LabelTest[]) =>
        misfit(requires({ labels: asked }), offers({ ehr: "1" }, machine)) === undefined;
      assert.equal(
        fits(...tests),
        tests.every((each) => fits(each)),
      );
      assert.equal(fits(...tests.toReversed()), fits(...tests));
      for (const each of tests) assert.notEqual(fits(each), fits({ ...each, is: contrary[each.is] } as LabelTest));
    }),
  );
});
