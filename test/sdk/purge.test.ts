// drover purge of many runs as a shell sees it: what is refused, and Ctrl-C at any time.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, test } from "node:test";
import { RunState } from "../../sdk/gen/drover/v1/run_pb.ts";
import { clientProgram, droverAt } from "../support/drover-command.ts";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey } from "../support/fake-services.ts";

const api = new FakeApi();
const drover = droverAt(api);
const env = () => ({ PATH: process.env["PATH"], DROVER_SERVER: api.url, DROVER_KEY: adminKey });

before(() => api.start());
beforeEach(() => {
  api.state.runs.length = 0;
  api.state.before.clear();
  api.state.calls.clear();
});
after(() => api.kill());

const addEnded = (count: number): string[] =>
  Array.from({ length: count }, () => api.addRun("ehr.trial", { state: RunState.ENDED }).run.id);

test("what is refused is told with its run, keeps no other from being deleted, and is the exit code", async () => {
  const [first = "", last = ""] = addEnded(2);
  const { id: running } = api.addRun().run;
  const said = await drover(["purge", "--yes", first, running, "no-run", last]);
  assert.deepEqual([said.code, said.out], [4, `run ${first} is deleted\nrun ${last} is deleted\n`]);
  assert.equal(
    said.err,
    `drover: run ${running}: The run has not ended: cancel it first. See how it stands: drover run <id>\n` +
      "drover: run no-run: There is no run no-run. See what there is: drover runs\n",
  );
  const json = await drover(["purge", "--yes", "--json", running, first]);
  assert.equal(json.code, 4);
  const errors = json.err.trimEnd().split("\n");
  assert.deepEqual(
    errors.map((line) => [JSON.parse(line).error.run, JSON.parse(line).error.reason]),
    [
      [running, "RUN_NOT_ENDED"],
      [first, "RUN_NOT_FOUND"],
    ],
  );
});

test("a server that is gone ends it: the next run would not be deleted either", async () => {
  const ids = addEnded(3);
  const said = await drover(["purge", "--yes", "--server", "http://127.0.0.1:9", ...ids]);
  assert.deepEqual([said.code, said.out, said.err.split("\n").length], [5, "", 2]);
});

test("the help's example takes every run of the workflow that has ended, and no other", async () => {
  const ids = addEnded(120);
  api.addRun("ehr.trial");
  api.addRun("notes.save", { state: RunState.ENDED });
  const [, lists = ""] = /\$ drover (runs .*?) \|/.exec((await drover(["purge", "--help"])).out) ?? [];
  const rows: { id: string }[] = JSON.parse((await drover(lists.split(" "))).out);
  assert.deepEqual(rows.map(({ id }) => id).sort(), ids);
});

test("Ctrl-C while runs are deleted leaves those behind, and says which one is not known of", async () => {
  const ids = addEnded(5);
  const third = Promise.withResolvers<void>();
  api.state.before.set("PurgeRun", (call) => {
    if (call !== 3) return;
    third.resolve();
    return new Promise(() => {});
  });
  const child = spawn(process.execPath, ["--no-warnings", await clientProgram(), "purge", "--yes", ...ids], {
    env: env(),
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  await third.promise;
  child.kill("SIGINT");
  assert.equal(await exited, 130);
  const [out, err] = await said;
  assert.equal(out, `run ${ids[0]} is deleted\nrun ${ids[1]} is deleted\n`);
  assert.match(err, new RegExp(`2 more are left as they are\\. .*: drover run ${ids[2]}\n$`));
  assert.equal(api.state.calls.get("PurgeRun"), 3);
});

test("Ctrl-C at the question deletes nothing and is an interruption; no is not", async () => {
  const [id = ""] = addEnded(1);
  for (const [typed, ends] of [
    ["\u0003", 130],
    ["n\r", 2],
    ["y\r", 0],
  ] as const) {
    const command = `'${process.execPath}' --no-warnings '${await clientProgram()}' purge ${id}`;
    const child = spawn("script", ["-qec", command, "/dev/null"], { env: { ...env(), TERM: "dumb" } });
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    let told = "";
    for await (const piece of child.stdout) {
      if (!told.includes("[y/N]") && `${told}${piece}`.includes("[y/N]")) child.stdin.write(typed);
      told += piece;
    }
    assert.equal(await exited, ends, told);
    assert.equal(api.state.calls.get("PurgeRun"), ends === 0 ? 1 : undefined);
    if (ends !== 0) assert.match(told, /Nothing was deleted\./);
  }
});
