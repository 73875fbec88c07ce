// The commands that start, follow, show and settle runs, as a shell sees them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { FailureContextSchema, Outcome, ResolutionSchema } from "../../sdk/gen/drover/v1/outcome_pb.ts";
import { RunState } from "../../sdk/gen/drover/v1/run_pb.ts";
import { clientProgram, droverAt } from "../support/drover-command.ts";
import { FakeApi, type FakeRun } from "../support/fake-api.ts";
import { adminKey } from "../support/fake-services.ts";

const api = new FakeApi();
const drover = droverAt(api);

before(() => api.start());
beforeEach(() => {
  api.state.runs.length = 0;
  api.state.before.clear();
});
after(() => api.kill());

/** Ends each run as soon as it was started. */
function endAs(outcome: Parameters<FakeApi["end"]>[1], fields: Parameters<FakeApi["end"]>[2] = {}): void {
  api.state.before.set("StartRun", () => {
    const run = api.state.runs.at(-1) as FakeRun;
    api.tell(run, "PLACED", { machine: "vm-1", attempt: 1 });
    api.end(run, outcome, fields);
  });
}

test("start tells what happens on stderr and gives the outputs on stdout", async () => {
  endAs("SUCCEEDED", { outputs: { title: "hello" } });
  const said = await drover(["start", "notes.save", "--input", "text=hello", "-i", "n:=7"]);
  assert.equal(said.code, 0);
  assert.deepEqual(JSON.parse(said.out), { title: "hello" });
  assert.match(said.err, /waits for a machine\n.*on vm-1, attempt 1\n.*SUCCEEDED/);
});

test("start --json gives the ended run as one document, and reads inputs from stdin", async () => {
  endAs("SUCCEEDED", { outputs: { title: "hello" } });
  const said = await drover(["start", "notes.save", "--json", "--inputs", "-"], {}, '{"text":"x"}');
  assert.equal(said.code, 0);
  const run = JSON.parse(said.out);
  assert.deepEqual([run.outcome, run.outputs], ["OUTCOME_SUCCEEDED", { title: "hello" }]);
});

test("start --detach prints the run's id and waits for nothing", async () => {
  const said = await drover(["start", "notes.save", "--detach"]);
  assert.equal(said.code, 0);
  assert.equal(said.out, `${api.state.runs[0]?.run.id}\n`);
});

test("how a run ended is in the exit code", async () => {
  const failure = { category: "TARGET_NOT_FOUND", message: "no such window" };
  for (const [outcome, code] of [
    ["FAILED", 1],
    ["CANCELLED", 1],
    ["EXPIRED", 1],
    ["UNKNOWN", 3],
  ] as const) {
    endAs(outcome, { failure });
    const said = await drover(["start", "notes.save"]);
    assert.equal(said.code, code, outcome);
    assert.match(said.err, new RegExp(`drover: Run .* ended ${outcome} .*TARGET_NOT_FOUND: no such window`));
  }
});

test("watch --json gives one event a line", async () => {
  const run = api.addRun();
  api.end(run, "SUCCEEDED");
  const said = await drover(["watch", run.run.id, "--json"]);
  assert.equal(said.code, 0);
  const kinds = said.out.trim().split("\n");
  assert.deepEqual(
    kinds.map((line) => JSON.parse(line).kind),
    ["RUN_EVENT_KIND_QUEUED", "RUN_EVENT_KIND_ENDED"],
  );
});

test("run shows what was done in the last attempt, where the frames are, and in what the machine differs", async () => {
  const run = api.addRun();
  api.end(run, "FAILED", { failure: { category: "NOT_DONE", message: "it did not come to be" } });
  run.run.resolution = create(ResolutionSchema, { resolvedAs: 2, by: "nurse\u001b[2J.jones", note: "chart 7" });
  run.run.failureContext = create(FailureContextSchema, {
    ...{ attempt: 2, machine: "vm-1\u001b[2J", comparedRunId: "01980000-0000-7000-8000-000000000099" },
    timeline: [
      { step: "prove", action: "prove", input: "NONE", duration: { nanos: 30_000_000 } },
      { step: "save", action: "press", input: "SOME", failure: { category: "NOT_DONE" } },
    ],
    film: [{ step: "save" }],
    proof: { verdict: "READY" },
    differences: [{ name: "screen", value: "1280x800", before: "800x600" }],
  });
  const said = await drover(["run", run.run.id]);
  assert.equal(said.code, 0, said.err);
  assert.match(said.out, /settled +FAILED by nurse\.jones .*: chart 7\n/);
  assert.match(said.out, /Attempt 2 on vm-1:\nAT +STEP +ACTION +TOOK +INPUT +FAILURE\n/);
  assert.match(said.out, /prove +prove +30 ms +NONE +-\n.*save +press +- +SOME +NOT_DONE\n/);
  assert.match(said.out, /Readiness: READY\n/);
  assert.match(said.out, /1 frames? .*the last at save. Save them: drover film 01980000/);
  assert.match(
    said.out,
    /differs .*\(run 01980000-0000-7000-8000-000000000099\):\nWHAT +HERE +THERE\nscreen +1280x800 +800x600/,
  );
  const whole = JSON.parse((await drover(["run", run.run.id, "--json"])).out);
  assert.equal(whole.failureContext.timeline.length, 2);
});

test("resolve sends what was found out; what does not go together is wrong usage", async () => {
  const { run } = api.addRun();
  api.state.resolutions.length = 0;
  const said = await drover(["resolve", run.id, "--as", "succeeded", "--outputs", '{"n":7}', "--note", "chart 7"]);
  assert.equal(said.code, 0, said.err);
  assert.deepEqual(api.state.resolutions, [
    { resolveAs: 1, outputs: { n: 7 }, nothingCommitted: false, note: "chart 7" },
  ]);
  const wrong = await Promise.all([
    drover(["resolve", run.id, "--as", "retry", "--outputs", "{}", "--note", "x"]),
    drover(["resolve", run.id, "--as", "succeeded", "--nothing-committed", "--note", "x"]),
    drover(["resolve", run.id, "--as", "succeeded", "--outputs", "Jane", "--note", "x"]),
    drover(["resolve", run.id, "--as", "retry"]),
  ]);
  assert.deepEqual(
    wrong.map(({ code }) => code),
    [2, 2, 2, 2],
  );
  assert.equal(api.state.resolutions.length, 1);
});

test("Ctrl-C leaves the run alone and says how to go on", async () => {
  const { promise: started, resolve } = Promise.withResolvers<void>();
  api.state.before.set("WatchRun", () => resolve());
  const env = { DROVER_SERVER: api.url, DROVER_KEY: adminKey };
  const child = spawn(process.execPath, ["--no-warnings", await clientProgram(), "start", "notes.save"], { env });
  const said = text(child.stderr);
  await started;
  child.kill("SIGINT");
  const code = await new Promise((done) => child.once("exit", done));
  assert.equal(code, 130);
  assert.match(await said, /The run goes on. See it: drover watch \S+ {3}Stop it: drover cancel/);
});

test("runs says for how long each waits or runs, and whose it is where that differs", async () => {
  const before = (ms: number) => timestampFromDate(new Date(Date.now() - ms));
  api.addRun("a", { caller: "ward", createdAt: before(180_000), movedToFront: true });
  api.addRun("b", { caller: "desk", createdAt: before(3_600_000), notBefore: before(-7_200_000) });
  api.addRun("c", { caller: "desk", state: RunState.RUNNING, startedAt: before(300_000) });
  api.addRun("d", { caller: "desk", state: RunState.ENDED, outcome: Outcome.FAILED, endedAt: before(60_000) });
  // It was tried before.
  api.addRun("e", { caller: "desk", createdAt: before(7_200_000), waitingSince: before(120_000) });
  const all = await drover(["runs"]);
  assert.deepEqual(
    all.out
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^.{36} {2}/, "").replaceAll(/ {2,}/g, " ")),
    [
      ...[
        "WORKFLOW STATE CALLER TIME",
        "e QUEUED desk waits 2 min",
        "d FAILED desk 1 min ago",
        "c RUNNING desk runs 5 min",
      ],
      ...["b QUEUED desk due in 2 h", "a QUEUED ward first, 3 min"],
    ],
  );
  assert.equal(all.err, "5 runs: 3 queued, 1 failed, 1 running\n");
  const some = await drover(["runs", "--caller", "desk", "--limit", "2"]);
  assert.equal(some.err, "2 runs: 1 queued, 1 failed; there are more: --limit\n");
  assert.match((await drover(["run", api.state.runs[1]?.run.id ?? ""])).out, /^turn {6}not before .*Z, in 2 h$/m);
});

test("a run is started for later, and put before all others", async () => {
  const started = await drover(["start", "notes.save", "--detach", "--not-before", "+2h"]);
  const run = api.state.runs[0]?.run;
  assert.ok(run?.notBefore !== undefined && started.code === 0);
  assert.ok(Math.abs(timestampMs(run.notBefore) - Date.now() - 7_200_000) < 60_000);
  const moved = await drover(["front", run.id]);
  assert.equal(moved.out, `run ${run.id} goes before all others of pool default\n`);
  assert.equal(moved.err, "its time comes in 2 h\n");
  const ended = api.addRun("notes.save", { state: RunState.ENDED });
  assert.match((await drover(["front", ended.run.id])).err, /nothing to move\. See how it stands: drover run/);
});
