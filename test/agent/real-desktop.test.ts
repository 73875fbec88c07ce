// The whole agent on a real desktop (Xvfb, openbox, mousepad), told by a fake control plane over a real socket.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningAgent, runAgent } from "../../agent/agent.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import type { Desktop } from "../../agent/desktop/desktop.ts";
import { Connection } from "../../agent/desktop/x11/connection.ts";
import { openX11Desktop } from "../../agent/desktop/x11.ts";
import { startX11Session, type X11Session } from "../../agent/desktop/x11-session.ts";
import { silentLog } from "../../agent/log.ts";
import { screenSight } from "../../agent/steps/screen-sight.ts";
import {
  ArtifactKind,
  FailureCategory,
  HoldReason,
  InputAmount,
  type Result,
  Verdict,
} from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { assign, typing } from "../support/agent-rig.ts";
import { FakeServer, type FakeStream, MACHINE_ID } from "../support/fake-server.ts";
import { until } from "./desktop/until.ts";

let session: X11Session;
let desktop: Desktop;
let server: FakeServer;
let agent: RunningAgent;
let stateDir: string;
const sight = screenSight();
const FOLDER_READ_MS = 1000;
const PERSON_QUIET_MS = 400;
const TIMES = { beatIntervalMs: 300, stopAfterMs: 900 };

before(async () => {
  const run = process.env["DROVER_TEST_RUN"];
  session = await startX11Session(run === undefined ? {} : { env: { DROVER_TEST_RUN: run } });
  desktop = await openX11Desktop({ display: session.display, env: session.env });
  server = await FakeServer.start();
  stateDir = mkdtempSync(join(tmpdir(), "drover-real-"));
  agent = runAgent({
    ...{ desktop, sight, stateDir, log: silentLog, server: serverAddress(server.url) },
    identity: { machineId: MACHINE_ID, machineKey: "key-1" },
    ...{ applications: [], labels: {}, allowExec: new Map(), personQuietMs: PERSON_QUIET_MS },
  });
});

after(async () => {
  await agent.stop();
  server.stop();
  await sight.stop();
  await desktop.stop();
  await session.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Numbers the commands of one attempt, and says each as soon as the last has succeeded. */
function attempt(attemptId: string, epoch: bigint) {
  let number = 0;
  return async (
    stream: FakeStream,
    ...[action, more]: [Parameters<typeof assign>[1], Parameters<typeof assign>[2]?]
  ) => {
    stream.say(assign(++number, action, { timeoutMs: 20_000, ...more, attemptId, epoch }));
    const result: Result = await until(`result ${number}`, () =>
      stream.all("result").find((said) => said.attemptId === attemptId && said.number === number),
    );
    assert.equal(result.failure, undefined, `${action.case}: ${result.failure?.message}`);
    return result;
  };
}

const window = (title: string) => ({ kind: { case: "window" as const, value: { title } } });
const text = "Grüße, 日本語 & tab\tend\nsecond line";

test("a note is typed, saved under a guard and checked, and the proof has its frame", async () => {
  const stream = await server.welcome(1, TIMES);
  const path = join(session.dir, "note-4711.txt");
  const step = attempt("a1", 1n);
  await step(stream, { case: "launch", value: { command: ["mousepad", "--disable-server"] } });
  await step(stream, { case: "wait", value: { conditions: [window("*Mousepad")] } });
  const ready = [window("*Mousepad"), { kind: { case: "responsiveMs" as const, value: 2000 } }];
  const { proof } = await step(stream, { case: "prove", value: { ready } });
  assert.equal(proof?.verdict, Verdict.READY, JSON.stringify(proof?.evidence));
  const chunk = await until("the proof's frame comes", () =>
    stream.all("artifactChunk").find(({ kind }) => kind === ArtifactKind.PROOF),
  );
  assert.equal(chunk.artifactId, proof?.frameArtifactId);

  assert.equal((await step(stream, typing(text))).input, InputAmount.ALL);
  await step(stream, { case: "press", value: { chord: "ctrl+s" } });
  await step(stream, { case: "wait", value: { conditions: [window("Save As")] } });
  await step(stream, typing(path), { focus: { title: "Save As" } });
  // GTK's file chooser swallows a return while it still reads the folder that was just typed, and shows nothing of it.
  await step(stream, { case: "pause", value: { durationMs: FOLDER_READ_MS } });
  const guard = [window("Save As")];
  const done = [window("*note-4711*"), { ...window("Save As"), absent: true }];
  await step(stream, { case: "press", value: { chord: "enter" } }, { guard, done });
  assert.equal(readFileSync(path, "utf8").trimEnd(), text);
  const seen = { kind: { case: "text" as const, value: { text: "second line", within: { title: "*note-4711*" } } } };
  await step(stream, { case: "assert", value: { conditions: [seen] } });
  const { output } = await step(stream, { case: "read", value: { source: { case: "activeTitle", value: true } } });
  assert.match(output?.text ?? "", /note-4711/);
});

test("a pointer that another program moves makes the agent hold in mid-word, and it goes on when all is quiet (G14)", async () => {
  const stream = await until("the stream lives", () => server.streams.findLast(({ closed }) => !closed));
  const step = attempt("person", 2n);
  await step(stream, { case: "press", value: { chord: "ctrl+n" } });
  await step(stream, { case: "wait", value: { conditions: [window("Untitled*Mousepad")] } });
  const began = performance.now();
  const typed = step(stream, typing("0123456789".repeat(60)), { timeoutMs: 60_000 });
  const other = new Connection(session.display);
  const presence = () => stream.all("beat").at(-1)?.hold === HoldReason.HUMAN_PRESENT;
  await until("a beat says so", () => {
    other.x.XTestFakeMotionEvent(other.display, -1, 5, 5 + (stream.all("beat").length % 2), 0);
    other.answered();
    return presence();
  });
  const last = performance.now();
  const { input } = await typed;
  assert.equal(input, InputAmount.ALL);
  assert.ok(performance.now() - last > PERSON_QUIET_MS * 0.9, "it waited for the end of the person");
  assert.ok(last - began < 5_000);
  other.close();
  for (const chord of ["ctrl+a", "ctrl+c"]) await step(stream, { case: "press", value: { chord } });
  const source = { case: "clipboard" as const, value: true };
  await until("the whole text, once", async () => {
    const { output } = await step(stream, { case: "read", value: { source } });
    return output?.text === "0123456789".repeat(60);
  });
  await step(stream, { case: "press", value: { chord: "delete" } });
});

test("an application that stands still is FROZEN, and gets nothing of what was to be typed, then or later (G13)", async () => {
  const stream = await until("the stream lives", () => server.streams.findLast(({ closed }) => !closed));
  const step = attempt("frozen", 3n);
  const titles = async () => (await desktop.windows()).map(({ title }) => title).sort();
  await step(stream, { case: "press", value: { chord: "ctrl+n" } });
  await step(stream, { case: "wait", value: { conditions: [window("Untitled*Mousepad")] } });
  const before = await titles();
  const [{ pid } = assert.fail("there is a window")] = await desktop.windows();
  process.kill(pid, "SIGSTOP");
  try {
    stream.say(assign(3, typing("lost"), { timeoutMs: 300, attemptId: "frozen", epoch: 3n }));
    const result = await until("it ends", () =>
      stream.all("result").find((said) => said.attemptId === "frozen" && said.number === 3),
    );
    assert.equal(result.failure?.category, FailureCategory.FROZEN);
    assert.equal(result.input, InputAmount.NONE);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await until("it goes on", async () => desktop.responsive((await desktop.activeWindow()) ?? assert.fail(), 5_000));
  assert.deepEqual(await titles(), before, "a changed text would be marked in the title");
});

test("a hold in the middle of typing loses nothing and doubles nothing on a real desktop", async () => {
  const stream = await until("the stream lives", () => server.streams.findLast(({ closed }) => !closed));
  const path = join(session.dir, "held.txt");
  const step = attempt("a2", 4n);
  await step(stream, { case: "press", value: { chord: "ctrl+n" } });
  await step(stream, { case: "wait", value: { conditions: [window("Untitled*Mousepad")] } });
  const long = "0123456789".repeat(300);
  const typed = step(stream, typing(long), { timeoutMs: 60_000 });
  typed.catch(() => {});
  stream.acksBeats = false;
  const next = await server.welcome(server.streams.length + 1, TIMES);
  const beat = await next.heardOf("beat");
  assert.equal(beat.hold, HoldReason.LEASE, "the typing is still in hand, and holds");
  // The server says again what it wants, with the result of the command perhaps already on its way.
  next.say(assign(3, typing(long), { attemptId: "a2", epoch: 5n, timeoutMs: 60_000 }));
  const result = await until("the typing ends", () => next.all("result").find(({ number }) => number === 3));
  assert.equal(result.failure, undefined, result.failure?.message);
  assert.equal(result.input, InputAmount.ALL);
  const after = attempt("a3", 6n);
  await after(next, { case: "press", value: { chord: "ctrl+s" } });
  await after(next, { case: "wait", value: { conditions: [window("Save As")] } });
  await after(next, { case: "paste", value: { text: path } });
  await after(next, { case: "pause", value: { durationMs: FOLDER_READ_MS } });
  await after(next, { case: "press", value: { chord: "enter" } }, { done: [window("*held.txt*")] });
  await until("the file is there", () => existsSync(path));
  assert.equal(readFileSync(path, "utf8").trimEnd(), long);
  assert.equal(await desktop.readClipboard(), "");
});
