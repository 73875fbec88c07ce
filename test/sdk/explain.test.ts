// Why a run waits, for those who use the client and the shell.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { explanationLines } from "../../sdk/cli/explain.ts";
import { tellWhy } from "../../sdk/cli/waiting.ts";
import { whyText } from "../../sdk/cli/why.ts";
import type { RunEvent } from "../../sdk/events.ts";
import { ExplanationSchema, WaitReason } from "../../sdk/gen/drover/v1/explanation_pb.ts";
import { createClient } from "../../sdk/index.ts";
import { droverAt } from "../support/drover-command.ts";
import { FakeApi, type FakeRun } from "../support/fake-api.ts";
import { adminKey } from "../support/fake-services.ts";

const api = new FakeApi();
const drover = droverAt(api);
before(() => api.start());
beforeEach(() => {
  api.state.runs.length = 0;
  api.state.before.clear();
  api.state.explanation = {};
});
after(() => api.kill());

type Wire = MessageInitShape<typeof ExplanationSchema>;
const inSeconds = (seconds: number) => timestampFromMs(Date.now() + seconds * 1_000 + 400);
const cause = (reason: keyof typeof WaitReason, machines: number, detail = "") => ({
  ...{ reason: WaitReason[reason], machines, detail },
});

const busyFleet: Wire = {
  waiting: true,
  fleet: 200,
  causes: [
    cause("WRONG_VERSION", 20),
    cause("OFFLINE", 3),
    { ...cause("NOT_READY", 7, "MODAL_BLOCKING"), until: inSeconds(4) },
    { ...cause("BUSY", 170), until: inSeconds(34) },
  ],
  nearest: [
    { machine: "ward-3-desktop-17", reason: WaitReason.BUSY, expected: inSeconds(34) },
    { machine: "ward-3-desktop-18", reason: WaitReason.NOT_READY, detail: "MODAL_BLOCKING", expected: inSeconds(-4) },
  ],
  nextFree: inSeconds(34),
  place: 812,
  deadline: inSeconds(3_600),
};

const why = (wire: Wire) => whyText(create(ExplanationSchema, { waiting: true, fleet: 3, ...wire }));

test("one sentence says what weighs most", () => {
  const said: [Wire, string][] = [
    [busyFleet, "of 180 machines that fit, 170 are busy, 7 not ready (MODAL_BLOCKING), 3 offline"],
    [{ causes: [cause("BUSY", 3)] }, "all 3 machines that fit are busy"],
    [{ causes: [cause("BUSY", 1), cause("OTHER_POOL", 2)] }, "the one machine that fits is busy"],
    [{ causes: [cause("BUSY", 1), cause("OFFLINE", 2)] }, "of 3 machines that fit, 2 are offline, 1 busy"],
    [{ causes: [cause("BUSY", 2)] }, "nothing keeps it back: it is placed in a moment"],
    [
      { causes: [cause("OTHERS_FIRST", 1), cause("OTHER_POOL", 2)] },
      "the one machine that fits is free, but others go first",
    ],
    [{ causes: [cause("HALTED", 0, "workflow notes.save"), cause("BUSY", 3)] }, "workflow notes.save is halted"],
    [{ causes: [cause("HALTED", 3)] }, "all 3 machines that fit are halted"],
    [{ causes: [cause("HALTED", 3, "everything")] }, "everything is halted"],
    [
      { causes: [cause("PAUSED", 0, "pool ward"), cause("LIMIT_REACHED", 0, "application ehr: 5 of 5")] },
      "pool ward is paused; as many runs are under way as may be: application ehr: 5 of 5",
    ],
    [
      { causes: [{ ...cause("NOT_BEFORE", 0), until: timestampFromMs(Date.parse("2026-03-01T06:00:00.123Z")) }] },
      "it is not to begin before 2026-03-01T06:00:00Z",
    ],
    [
      { unmet: "no machine in pool ward offers ehr", causes: [cause("OTHER_POOL", 3)] },
      "no machine in pool ward offers ehr",
    ],
    [{ causes: [{ reason: 77 as WaitReason, machines: 3 }] }, "all 3 machines that fit are REASON_77"],
    [{ waiting: false }, "it does not wait: it runs, or has ended"],
  ];
  for (const [wire, text] of said) assert.equal(why(wire), text);
});

test("drover explain reads well on 80 columns: the sentence, the counts, the nearest machines, the place", async () => {
  const { run } = api.addRun();
  api.state.explanation = busyFleet;
  const said = await drover(["explain", run.id]);
  assert.equal(said.code, 0, said.err);
  const expected = `
Of 180 machines that fit, 170 are busy, 7 not ready (MODAL_BLOCKING), 3 offline.

MACHINES  REASON         WHICH           OVER
20        WRONG_VERSION  -               -
3         OFFLINE        -               -
7         NOT_READY      MODAL_BLOCKING  in 4.0 s
170       BUSY           -               in 34 s

NEAREST            REASON     WHICH           EXPECTED
ward-3-desktop-17  BUSY       -               in 34 s
ward-3-desktop-18  NOT_READY  MODAL_BLOCKING  any moment

place      number 812 of those that could go to the same machines
next free  in 34 s
given up   in 60 min
fleet      200 machines
`;
  const still = (text: string) => text.replaceAll(/in [\d.]+ (s|min|h)/g, "in a while").replaceAll(/ +/g, " ");
  assert.equal(still(said.out), still(expected.trimStart()));
  for (const line of said.out.split("\n")) assert.ok(line.length <= 80, line);
});

test("what nobody offers and what holds the run are both told, in lines that fit", () => {
  const unmet = `no machine in pool ward offers ${"a-very-long-name ".repeat(8)}in a version >=4.2 <5`;
  const told = { waiting: true, unmet, fleet: 1, causes: [cause("PAUSED", 0, "workflow notes.save")], place: 1 };
  const lines = explanationLines(create(ExplanationSchema, told), 80);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match(
    lines.join("\n"),
    /^No machine in pool ward[\s\S]*<5\.\nWorkflow notes\.save is paused\.\n[\s\S]*place +the next one/,
  );
});

test("drover explain --json is the API's own message, and a run that there is not is refused", async () => {
  const { run } = api.addRun();
  api.state.explanation = { waiting: true, causes: [cause("BUSY", 1)], fleet: 1 };
  const said = await drover(["explain", run.id, "--json"]);
  assert.deepEqual(JSON.parse(said.out).causes, [{ reason: "WAIT_REASON_BUSY", machines: 1, detail: "" }]);
  const none = await drover(["explain", "01980000-0000-7000-8000-00000000ffff"]);
  assert.equal(none.code, 4);
  assert.match(none.err, /drover runs/);
});

test("drover explain --watch tells it again when it has changed, until the run is placed", async () => {
  const { run } = api.addRun();
  api.state.explanation = { waiting: true, causes: [cause("BUSY", 1)], fleet: 1 };
  let calls = 0;
  api.state.before.set("ExplainRun", () => {
    if (++calls === 3) api.state.explanation = { waiting: false };
  });
  const said = await drover(["explain", run.id, "--watch"]);
  assert.equal(said.code, 0, said.err);
  assert.deepEqual(said.out.match(/^(The one|It does).*$/gm), [
    "The one machine that fits is busy.",
    "It does not wait: it runs, or has ended.",
  ]);
});

test("drover start warns at once of what no machine offers, and tells why it waits after a while", async () => {
  const unmet = "no machine in pool ward offers ehr";
  api.state.explanation = { waiting: true, unmet, fleet: 1 };
  let calls = 0;
  api.state.before.set("ExplainRun", () => {
    calls++;
    const run = api.state.runs.at(-1) as FakeRun;
    if (calls === 1) return;
    api.tell(run, "PLACED", { machine: "vm-1", attempt: 1 });
    api.end(run, "SUCCEEDED", {});
  });
  const said = await drover(["start", "notes.save"]);
  assert.equal(said.code, 0, said.err);
  assert.match(said.err, /^warning: no machine in pool ward offers ehr; the run waits for one\nrun /);
  assert.equal(said.err.match(/^waits: no machine in pool ward offers ehr$/gm)?.length, 1);
  const detached = await drover(["start", "notes.save", "--detach", "--json"]);
  assert.match(detached.err, /^warning: /);
  assert.equal(JSON.parse(detached.out).workflow, "notes.save");
});

test("why it waits is told again only when the cause is another one, and no more once it is placed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: string[] = [];
  let explanation: Wire = { waiting: true, causes: [cause("BUSY", 3)], fleet: 3, place: 9 };
  let asked = 0;
  const explain = async () => {
    asked++;
    return create(ExplanationSchema, explanation);
  };
  const waiting = tellWhy({ explain }, { wait: (text) => void told.push(text) }, new AbortController().signal);
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await new Promise((next) => setImmediate(next));
  };
  const see = (kind: RunEvent["kind"]) => waiting.see({ kind } as RunEvent);
  see("QUEUED");
  await pass(1_900);
  assert.deepEqual([asked, told], [0, []]);
  await pass(100);
  explanation = { ...explanation, place: 3 };
  await pass(2_000);
  assert.deepEqual([asked, told], [2, ["all 3 machines that fit are busy"]]);
  explanation = { ...explanation, causes: [cause("PAUSED", 0, "pool ward")] };
  await pass(10_000);
  assert.deepEqual(told, ["all 3 machines that fit are busy", "pool ward is paused"]);
  see("PLACED");
  const before = asked;
  for (let turn = 0; turn < 4; turn++) await pass(10_000);
  assert.equal(asked, before);
  see("REQUEUED");
  await pass(2_000);
  assert.equal(told.length, 3);
  waiting.stop();
});

test("the client explains a run, and a start says what no machine offers", async (t) => {
  const client = createClient({ url: api.url, key: adminKey });
  t.after(() => client.close());
  api.state.explanation = { waiting: true, unmet: "no machine in pool ward offers ehr", place: 4 };
  const run = await client.start("notes.save");
  assert.equal(run.unmet, "no machine in pool ward offers ehr");
  assert.equal(client.run(run.id).unmet, "");
  assert.deepEqual([(await run.explain()).place, (await client.explain(run.id)).runId], [4, run.id]);
  await assert.rejects(client.explain("01980000-0000-7000-8000-00000000ffff"), { reason: "RUN_NOT_FOUND" });
});
