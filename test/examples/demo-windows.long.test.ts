// The demo with Windows machines, once to its end and killed twice on the way.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { until } from "../agent/desktop/until.ts";
import { ended, type Report, startDemo } from "../support/demo-process.ts";
import { leftoverProcesses } from "../support/leftovers.ts";

const longMs = 300_000;
const small = ["--windows", "--machines", "1", "--runs", "1"];

test("the demo with --windows does four runs more, on two Windows machines, and leaves nothing", {
  timeout: longMs,
}, async (t) => {
  const { run, tmp, child, said } = startDemo(t, ...small, "--once", "--json");
  assert.equal(await ended(child), 0, said.stderr + said.stdout);
  const { machines, runs } = JSON.parse(said.stdout) as Report;
  assert.deepEqual(machines, ["vm-1", "win-1", "win-2"]);
  const workflows = runs.map(({ workflow }) => workflow).sort();
  const [letter, note] = ["windows.letters.write", "windows.notes.save"];
  assert.deepEqual(workflows, ["notes.save", letter, letter, note, note]);
  assert.deepEqual(
    runs.flatMap(({ checks }) => checks).filter(({ held }) => !held),
    [],
  );
  assert.deepEqual(leftoverProcesses(run), []);
  assert.deepEqual(readdirSync(tmp), []);
});

for (const { moment, reached } of [
  { moment: "while it makes the Windows that its machines are copies of", reached: "Starting 2 Windows machines" },
  { moment: "while a run is on a Windows machine", reached: "on win-1" },
]) {
  test(`a demo that is killed ${moment} leaves nothing either`, { timeout: longMs }, async (t) => {
    const { run, tmp, child, said, database } = startDemo(t, ...small);
    const data = await database();
    await until(moment, () => said.stderr.includes(reached), 200_000);
    await until(
      "Wine is at work",
      () => leftoverProcesses(run).some(({ command }) => command.includes("wine")),
      60_000,
    );
    child.kill("SIGKILL");
    await until("all of its processes have ended", () => leftoverProcesses(run).length === 0, 60_000);
    await until("its folder is gone", () => readdirSync(tmp).length === 0, 30_000);
    assert.equal(existsSync(data), false, `${data} is gone`);
  });
}
