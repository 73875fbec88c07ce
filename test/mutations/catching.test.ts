// What counts as noticed, and what a mutation has to say of itself.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { judgeSimulation, tryCatcher } from "./catching.ts";
import { parseMutation, sayCatcher } from "./mutation.ts";

const folder = mkdtempSync(join(tmpdir(), "drover-catching-"));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "test"));

let files = 0;
/** What a test file of this text has noticed. */
async function caughtBy(text: string, title?: string): Promise<string> {
  const file = `test/${++files}.test.ts`;
  const imports = 'import assert from "node:assert/strict";\nimport { describe, test } from "node:test";\n';
  writeFileSync(join(folder, file), imports + text);
  const surroundings = { databaseUrl: "", stopping: new AbortController().signal };
  const caught = await tryCatcher({ is: "test", file, title }, folder, surroundings);
  return caught.is === "caught" ? caught.by : caught.is === "broken" ? caught.why : caught.is;
}

const failing = 'test("one (a)", () => assert.equal(1, 2));\ntest("two", () => assert.equal(1, 1));\n';

test("an assertion that does not hold has noticed, and nothing else has", async () => {
  const found = await Promise.all([
    caughtBy(failing),
    caughtBy(failing, "one (a)"),
    caughtBy(failing, "two"),
    caughtBy('describe("all", () => test("inner", () => assert.fail("no")));\n'),
    caughtBy(failing, "one"),
    caughtBy('test("one", () => { throw new TypeError("x"); });\n'),
    caughtBy('test("one", { timeout: 10 }, () => new Promise((done) => setTimeout(done, 50)));\n'),
    caughtBy("const one = ;\n"),
    caughtBy(`import { nobody } from "node:fs";\n${failing}`),
  ]);
  assert.deepEqual(found, [
    "one (a)",
    "one (a)",
    "unnoticed",
    "inner",
    "no test was run",
    "one: TypeError",
    "one: testTimeoutFailure",
    "no test was run",
    "no test was run",
  ]);
});

test("a simulation has noticed what its judge found, and nothing when it broke down", () => {
  const judged = (told: string, code: number) => judgeSimulation(told, code).is;
  assert.deepEqual(judgeSimulation("seed 1: good; 3 SUCCEEDED\nseed 2: 1 WRONG; 3 FAILED\n  12 ms: lost: r1\n", 1), {
    is: "caught",
    by: "12 ms: lost: r1",
  });
  assert.equal(judged("seed 1: good; 3 SUCCEEDED\nNothing was wrong.\n", 0), "unnoticed");
  assert.equal(judged("seed 1: BROKEN\n  Error: x\n", 1), "broken");
  assert.equal(judged("", 1), "broken");
});

test("a mutation says what it breaks and who notices; what it lacks is named", () => {
  const diff = "--- a/server/one.ts\n+++ b/server/one.ts\n@@ -1 +1 @@\n-1\n+2\n--- a/two.sql\n+++ b/two.sql\n";
  const simulation = 'npm run simulate -- --seeds 1 --fault "line cut"';
  const head = `Guarantee: G1\nGuarantee: G4\nWhat it breaks: all\nCaught by: test/a.test.ts: one: (a)\nCaught by: ${simulation}\n\n`;
  const { name, touched, guarantees, breaks, catchers } = parseMutation("/x/broken-clock.patch", head + diff);
  assert.deepEqual([name, breaks, guarantees], ["broken-clock", "all", ["G1", "G4"]]);
  assert.deepEqual(touched, ["server/one.ts", "two.sql"]);
  assert.deepEqual(catchers, [
    { is: "test", file: "test/a.test.ts", title: "one: (a)" },
    { is: "simulation", options: ["--seeds", "1", "--fault", "line cut"] },
  ]);
  assert.deepEqual(catchers.map(sayCatcher), ["test/a.test.ts: one: (a)", simulation]);
  assert.throws(() => parseMutation("x.patch", diff), /Guarantee.*What it breaks.*Caught by/);
  assert.throws(() => parseMutation("x.patch", head), /a diff/);
  assert.throws(() => parseMutation("x.patch", head.replace("test/a.test.ts", "a.ts") + diff), /neither a test/);
});
