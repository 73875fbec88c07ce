// What a workflow requires of machines, as it is written and as it is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { problems, program, withSteps } from "./fixtures.ts";

const requiring = (requires: string) => withSteps(["screenshot: true"], `readonly: true\nrequires: ${requires}`);
const required = (requires: string) => program(requiring(requires)).requires;
const inOne = (label: string, ...values: string[]) => ({ label, is: "in", values });

test("a workflow that says nothing requires nothing but its application", () => {
  assert.deepEqual(program(withSteps(["screenshot: true"])).requires, { labels: [] });
});

test("a pool, a range of versions and labels stand side by side", () => {
  assert.deepEqual(required('{ pool: clinic, version: ">=4.2 <5 || ~6.1", labels: { site: north } }'), {
    pool: "clinic",
    version: ">=4.2 <5 || ~6.1",
    labels: [inOne("site", "north")],
  });
});

/** What is written under `labels`, and what it says. */
const labels: Record<string, unknown[]> = {
  "site: north": [inOne("site", "north")],
  "site: [north, south]": [inOne("site", "north", "south")],
  "site: { in: [north, south] }": [inOne("site", "north", "south")],
  "site: { in: north }": [inOne("site", "north")],
  "site: { not: north }": [{ label: "site", is: "not", values: ["north"] }],
  "site: { not: [north, south] }": [{ label: "site", is: "not", values: ["north", "south"] }],
  "scanner: { exists: true }": [{ label: "scanner", is: "present" }],
  "scanner: { exists: false }": [{ label: "scanner", is: "absent" }],
  "site: { exists: true, not: north }": [
    { label: "site", is: "not", values: ["north"] },
    { label: "site", is: "present" },
  ],
  "site: north, room: 7": [inOne("site", "north"), inOne("room", "7")],
};

for (const [written, said] of Object.entries(labels)) {
  test(`the labels ${written}`, () => assert.deepEqual(required(`{ labels: { ${written} } }`).labels, said));
}

test("numbers are what is written, not what they are worth", () => {
  assert.deepEqual(required("{ version: 4.10, labels: { image: 1.10, rooms: [007, 0x10], hall: { not: 1.0 } } }"), {
    version: "4.10",
    labels: [inOne("image", "1.10"), inOne("rooms", "007", "0x10"), { label: "hall", is: "not", values: ["1.0"] }],
  });
});

/** What is written in line 4, the path that must be named, and a word of the message or remedy; each is told of once. */
const refused: Record<string, [path: string, says: RegExp]> = {
  "{ version: 4.x }": ["requires.version", />=4\.2 <5/],
  '{ version: ">= 4" }': ["requires.version", /not a range/],
  "{ version: 1e3 }": ["requires.version", /not a range/],
  "{ version: [4, 5] }": ["requires.version", /text or a number/],
  "{ versoin: 4 }": ["requires.versoin", /Did you mean `version`/],
  "{ labels: [site] }": ["requires.labels", /mapping/],
  "{ labels: { site: [] } }": ["requires.labels.site", /fewer than 1/],
  "{ labels: { site: {} } }": ["requires.labels.site", /in, not and exists/],
  "{ labels: { site: null } }": ["requires.labels.site", /a text/],
  "{ labels: { gpu: true } }": ["requires.labels.gpu", /Quote true and false/],
  "{ labels: { gpu: { in: [true] } } }": ["requires.labels.gpu.in[0]", /Quote true and false/],
  "{ labels: { site: { equals: north } } }": ["requires.labels.site.equals", /Known here: in, not, exists/],
  "{ labels: { site: { exists: maybe } } }": ["requires.labels.site.exists", /true or false/],
};

for (const [written, [path, says]] of Object.entries(refused)) {
  test(`${written} is refused once, at its place, with a remedy`, () => {
    const found = problems(requiring(written));
    assert.deepEqual(
      found.map((problem) => [problem.line, problem.path]),
      [[4, path]],
    );
    assert.match(`${found[0]?.message} ${found[0]?.remedy}`, says);
    assert.notEqual(found[0]?.remedy, "");
  });
}
