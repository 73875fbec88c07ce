// What a workflow's `retry` says, and what it cannot say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { problems, program, withSteps } from "./fixtures.ts";

const source = (retry: string) => withSteps(["screenshot: true"], `retry: ${retry}`);
const still = { delayMs: 0, delayMaxMs: 0, anotherMachine: true };

for (const [retry, expected] of [
  ["3", { attempts: 3, on: [], pace: still }],
  ["{}", { attempts: 2, on: [], pace: still }],
  ["{ attempts: 5, on: [FROZEN, DRAINED] }", { attempts: 5, on: ["FROZEN", "DRAINED"], pace: still }],
  ["{ backoff: 10s }", { attempts: 2, on: [], pace: { delayMs: 10_000, delayMaxMs: 10_000, anotherMachine: true } }],
  [
    "{ attempts: 4, backoff: { from: 500ms, to: 2m }, machine: any }",
    { attempts: 4, on: [], pace: { delayMs: 500, delayMaxMs: 120_000, anotherMachine: false } },
  ],
  ["{ machine: another }", { attempts: 2, on: [], pace: still }],
] as const) {
  test(`retry: ${retry} is understood`, () => {
    assert.deepEqual(program(source(retry)).retry, expected);
  });
}

const refused: readonly [retry: string, path: string, says: RegExp][] = [
  ["11", "retry", /10/],
  ["{ attempts: 0 }", "retry.attempts", /1/],
  ["{ on: [FROZE] }", "retry.on[0]", /Did you mean `FROZEN`/],
  ["{ backoff: soon }", "retry.backoff", /10s|duration/],
  ["{ backoff: 1.2.3s }", "retry.backoff", /not a duration/],
  ["{ backoff: { from: 10s } }", "retry.backoff", /`to` is missing/],
  ["{ backoff: { from: 2m, to: 10s } }", "retry.backoff", /longer than `to`/],
  ["{ backoff: 10m }", "retry.backoff", /as long as the whole run/],
  ["{ machine: same }", "retry.machine", /another/],
  ["{ backof: 10s }", "retry.backof", /Did you mean `backoff`/],
];
for (const [retry, path, says] of refused) {
  test(`retry: ${retry} is refused, at its place`, () => {
    const found = problems(source(retry));
    assert.ok(
      found.some((problem) => problem.path === path && says.test(`${problem.message} ${problem.remedy}`)),
      JSON.stringify(found),
    );
  });
}
