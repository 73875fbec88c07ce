// Watching many runs, in a program and at a terminal: through lost connections and other replicas, from a cursor on.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, beforeEach, test } from "node:test";
import { createClient, Refused, type WatchedEvent, type WatchRunsOptions } from "../../sdk/index.ts";
import { clientProgram, droverAt } from "../support/drover-command.ts";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey } from "../support/fake-services.ts";

const limits = { backoffMinMs: 5, backoffMaxMs: 40, idleMs: 400, callPatienceMs: 5_000, attemptMs: 2_000 };
const apis: FakeApi[] = [];
const clients: { close(): void }[] = [];

let api: FakeApi;
beforeEach(async () => {
  api = await new FakeApi().start();
  apis.push(api);
});
after(async () => {
  for (const client of clients) client.close();
  await Promise.all(apis.map((each) => each.kill()));
});

/** Watches in the background; `until` waits for so many events. */
async function watch(urls: string[], options: WatchRunsOptions = {}) {
  const client = createClient({ url: urls, key: adminKey, limits });
  clients.push(client);
  const told: WatchedEvent[] = [];
  const stop = new AbortController();
  const begun = Promise.withResolvers<string>();
  let grown = () => {};
  const ended = (async () => {
    const all = { ...options, signal: stop.signal, onCursor: begun.resolve };
    for await (const event of client.watchRuns(all)) {
      told.push(event);
      grown();
    }
  })();
  ended.catch(begun.reject);
  const cursor = await begun.promise;
  return {
    ...{ told, cursor, ended },
    async until(count: number) {
      while (told.length < count) await new Promise<void>((next) => (grown = next));
    },
    async stop() {
      stop.abort(new Error("enough"));
      await assert.rejects(ended, /enough/);
    },
  };
}

const seen = ({ runId, event }: WatchedEvent) => `${runId.slice(-2)}:${event.number}`;

test("a watch of many runs misses nothing and sees nothing twice when connections are cut and replicas go", {
  timeout: 20_000,
}, async () => {
  const other = new FakeApi();
  Object.assign(other, { state: api.state });
  await other.start();
  apis.push(other);
  api.addRun();
  const watching = await watch([api.url, other.url]);
  const runs = [api.addRun(), api.addRun("notes.read")];
  const expected = ["02:1", "03:1"];
  for (let n = 0; n < 30; n++) {
    const run = runs[n % 2] as (typeof runs)[0];
    api.tell(run, "STEP_STARTED", { step: "s", machine: "vm-1", attempt: 1 });
    expected.push(`${run.run.id.slice(-2)}:${run.events.length}`);
    if (n % 7 === 3) {
      await watching.until(expected.length - (n % 3));
      if (n === 10) await api.kill();
      else {
        api.cut();
        other.cut();
      }
    }
  }
  await watching.until(expected.length);
  await watching.stop();
  assert.deepEqual(watching.told.map(seen), expected);
  assert.deepEqual([...new Set(watching.told.map(({ workflow }) => workflow))], ["notes.save", "notes.read"]);
  assert.ok(api.state.watchedFrom.length > 3);

  // Another watch goes on where any event of this one stood; and so does one that begins where this one began.
  const later = await watch([other.url], { cursor: watching.told[9]?.cursor });
  await later.until(expected.length - 10);
  await later.stop();
  assert.deepEqual(later.told.map(seen), expected.slice(10));
  const again = await watch([other.url], { cursor: watching.cursor, workflow: "notes.read", kinds: ["QUEUED"] });
  await again.until(1);
  await again.stop();
  assert.deepEqual(again.told.map(seen), ["03:1"]);
});

test("a watch that is silent for too long is opened anew behind its newest cursor", { timeout: 10_000 }, async () => {
  const watching = await watch([api.url]);
  const run = api.addRun();
  await watching.until(1);
  api.state.silent = true;
  api.tell(run, "PLACED", { machine: "vm-1", attempt: 1 });
  while (api.state.watchedFrom.length < 2) await new Promise((next) => setTimeout(next, 5));
  api.state.silent = false;
  api.tell(run, "CANCEL_REQUESTED");
  await watching.until(3);
  await watching.stop();
  assert.deepEqual(watching.told.map(seen), ["01:1", "01:2", "01:3"]);
  assert.equal(api.state.watchedFrom[1], "at-1");
});

test("a cursor that the server refuses ends the watch with its reason", async () => {
  await assert.rejects(
    watch([api.url], { cursor: "of another" }),
    (error) => error instanceof Refused && error.reason === "CURSOR_INVALID",
  );
});

/** `drover watch` until so many lines came; then Ctrl-C. */
async function command(args: string[], lines: number, during: () => void) {
  const env = { PATH: process.env["PATH"], DROVER_SERVER: api.url, DROVER_KEY: adminKey, COLUMNS: "80" };
  const child = spawn(process.execPath, ["--no-warnings", await clientProgram(), "watch", ...args], { env });
  const err = text(child.stderr);
  const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.stderr.once("data", during);
  let out = "";
  for await (const piece of child.stdout) {
    out += piece;
    if (out.split("\n").length > lines) child.kill("SIGINT");
  }
  return { out: out.trimEnd().split("\n"), err: await err, code: await code };
}

test("drover watch tells what happens to any run, a line each that fits the screen, and then how to go on", {
  timeout: 20_000,
}, async () => {
  const failure = { category: "APP_CRASHED", message: "the application has ended while it was typed to" };
  const first = await command([], 4, () => {
    const run = api.addRun();
    api.tell(run, "PLACED", { machine: "sim-12", attempt: 1 });
    api.addRun("ehr.\u001b[2Jcreate-patient");
    api.end(run, "FAILED", { failure });
  });
  assert.equal(first.code, 130);
  assert.equal(first.out.length, 4);
  for (const line of first.out) {
    assert.match(line, /^\d\d:\d\d:\d\d 01980000-0000-7000-8000-00000000000[12] \S/);
    assert.ok([...line].length <= 80, line);
  }
  assert.match(first.out[0] ?? "", /1 notes.save: waits for a machine$/);
  assert.match(first.out[1] ?? "", /1 notes.save: on sim-12, attempt 1$/);
  assert.match(first.out[2] ?? "", /2 ehr.create-patient: waits for.*…$/);
  assert.match(first.out[3] ?? "", /1 FAILED: APP_CRASHED: the app.*…$/);
  assert.match(first.err, /^watching; stop with Ctrl-C\n/);
  const [, cursor = ""] = /drover watch --cursor (\S+)\n$/.exec(first.err) ?? [];
  assert.equal(cursor, "at-4");

  const second = await command(
    ["--json", "--cursor", "at-1", "--kind", "placed,ended", "--kind", "queued"],
    3,
    () => {},
  );
  const told = second.out.map((line) => JSON.parse(line));
  assert.deepEqual(
    told.map(({ runId, event, cursor }) => `${runId.slice(-2)} ${event.kind} ${cursor}`),
    ["01 RUN_EVENT_KIND_PLACED at-2", "02 RUN_EVENT_KIND_QUEUED at-3", "01 RUN_EVENT_KIND_ENDED at-4"],
  );

  const third = await command(["--workflow", "typo", "--kind", "placed,ended"], 1, () => {
    api.addRun();
    api.tell(api.addRun("typo"), "PLACED", { machine: "sim-1", attempt: 1 });
  });
  assert.match(third.err, /^watching only workflow typo; placed, ended; stop with Ctrl-C\n/);

  const drover = droverAt(api);
  const wrong = await Promise.all([
    drover(["watch", "--kind", "nonsense"]),
    drover(["watch", "01980000-0000-7000-8000-000000000001", "--kind", "ended"]),
    drover(["watch", "--cursor", "of another"]),
  ]);
  assert.deepEqual(
    wrong.map(({ code }) => code),
    [2, 2, 4],
  );
  assert.match(wrong[2]?.err ?? "", /The cursor is of another database\./);
});
