// The agent against the sentences at the head of channel.proto, over a real socket.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { status } from "@grpc/grpc-js";
import type { DesktopTraits } from "../../agent/desktop/desktop.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { PERSON_QUIET_MS } from "../../agent/holding.ts";
import { silentLog } from "../../agent/log.ts";
import { DesktopState, FailureCategory, HoldReason, InputAmount } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { type AgentRig, assign, type RigOptions, startRig, typed, typing } from "../support/agent-rig.ts";
import { until } from "./desktop/until.ts";

let rig: AgentRig;
const begin = async (options?: RigOptions) => {
  rig = await startRig(options);
  return rig;
};
afterEach(() => rig.stop());
test("the agent says hello with its key and nothing else before the welcome", async () => {
  const { server } = await begin();
  const stream = await server.stream();
  const hello = await stream.heardOf("hello");
  assert.equal(stream.authorization, "Bearer key-1");
  assert.equal(hello.protocolVersion, 1);
  assert.equal(hello.dialNumber, 1n);
  assert.equal(hello.attemptId, "");
  assert.equal(hello.incarnation?.holdsLock, true);
  assert.equal(hello.inventory?.platform, "simulated");
  assert.deepEqual(hello.inventory?.labels, { site: "lima" });
  assert.equal(stream.heard.length, 1);
  await server.welcome();
  await stream.heardOf("beat", 2);
  assert.deepEqual(stream.heard.map(({ case: which }) => which).slice(0, 2), ["hello", "beat"]);
});

test("what takes the machine longer to find out about itself is told after the welcome", async () => {
  const world = new SimulatedWorld({ machine: "one", applications: [simulatedNotes()] });
  const known = Promise.withResolvers<DesktopTraits>();
  const desktop = Object.assign(simulatedDesktop(world), { traits: () => known.promise });
  const { server } = await begin({ desktop });
  const stream = await server.welcome();
  assert.equal((await stream.heardOf("hello")).inventory?.capture, "");
  known.resolve({ capture: "gdi", dpi: 144, session: "console", presence: false });
  const { capture, dpi, platform, labels } = await stream.heardOf("inventory");
  assert.deepEqual({ capture, dpi, platform }, { capture: "gdi", dpi: 144, platform: "simulated" });
  assert.deepEqual(labels, { site: "lima" }, "the whole of it");
});

test("a command is acknowledged, done, and its result is sent until it is acknowledged", async () => {
  const { server, inputs } = await begin();
  const first = await server.welcome();
  first.say(assign(1, typing("hello")));
  const result = await first.result(1);
  assert.equal(result.input, InputAmount.ALL);
  assert.equal(result.failure, undefined);
  const order = first.heard.map(({ case: which }) => which);
  assert.ok(order.indexOf("assignmentAck") < order.indexOf("result"));
  assert.equal(typed(inputs), "hello");

  first.refuse(status.UNAVAILABLE, "later");
  const second = await server.welcome(2);
  await second.result(1);
  second.say({ case: "resultAck", value: { attemptId: "a1", number: 1 } });
  await second.heardOf("beat", 2);
  second.refuse(status.UNAVAILABLE, "later");
  const third = await server.welcome(3);
  await third.heardOf("beat", 3);
  assert.equal(third.all("result").length, 0);
});

test("a repeated assignment injects nothing and is answered from the outbox", async () => {
  const { server, inputs } = await begin();
  const stream = await server.welcome();
  stream.say(assign(1, typing("once")));
  await stream.result(1);
  stream.say(assign(1, typing("once")));
  stream.say({ case: "resultAck", value: { attemptId: "a1", number: 1 } });
  stream.say(assign(1, typing("once"), { epoch: 2n }));
  await stream.result(1, 3);
  assert.equal(typed(inputs), "once");
});

test("a gap in the numbers is refused with PROTOCOL and no input", async () => {
  const { server, inputs } = await begin();
  const stream = await server.welcome();
  stream.say(assign(2, typing("no")));
  const result = await stream.result(2);
  assert.equal(result.failure?.category, FailureCategory.PROTOCOL);
  assert.equal(result.input, InputAmount.NONE);
  assert.equal(inputs.length, 0);
});

test("a late assignment of an older epoch is ignored", async () => {
  const { server, inputs } = await begin();
  const stream = await server.welcome();
  stream.say({ case: "assignment", value: { epoch: 7n } });
  stream.say(assign(1, typing("no"), { epoch: 6n }));
  await stream.heardOf("assignmentAck", 2);
  await stream.heardOf("beat", 3);
  assert.equal(inputs.length, 0);
});

test("nothing is injected before the first beat of the stream is acknowledged", async () => {
  const { server, inputs } = await begin();
  server.onAttach = (stream) => {
    stream.acksBeats = false;
  };
  const stream = await server.welcome(1, { beatIntervalMs: 300 });
  stream.say(assign(1, typing("x")));
  const beat = await stream.heardOf("beat", 2);
  assert.equal(beat.hold, HoldReason.LEASE);
  assert.equal(inputs.length, 0);
  stream.ackBeat(beat.number);
  await stream.result(1);
  assert.equal(typed(inputs), "x");
});

test("while a person is at the mouse the agent injects nothing and says so; it goes on in place when all is quiet (G14)", async () => {
  const { server, inputs, world } = await begin({ inputLatencyMs: 10 });
  const text = "abcdefghij".repeat(12);
  const stream = await server.welcome();
  stream.say(assign(1, typing(text)));
  await until("it types", () => inputs.length > 5);
  world.personMsAgo = 0;
  await until("it says so", () => stream.all("beat").at(-1)?.hold === HoldReason.HUMAN_PRESENT);
  const typedSoFar = inputs.length;
  assert.ok(typedSoFar < text.length);
  const beats = stream.all("beat").length;
  await stream.heardOf("beat", beats + 2);
  assert.equal(inputs.length, typedSoFar);
  world.personMsAgo = PERSON_QUIET_MS;
  const result = await stream.result(1);
  assert.equal(result.input, InputAmount.ALL);
  assert.equal(typed(inputs), text);
  await until("it holds no more", () => stream.all("beat").at(-1)?.hold === HoldReason.UNSPECIFIED);
});

test("each beat says whether the desktop answers, also while a command waits for one that hangs (G13)", async () => {
  const { server, world } = await begin({ probeTimes: { everyMs: 20, answersWithinMs: 40 } });
  const stream = await server.welcome();
  const said = (state: DesktopState) => until("a beat says so", () => stream.all("beat").at(-1)?.desktop === state);
  await said(DesktopState.PRESENT);
  const letGo = Promise.withResolvers<void>();
  world.hung = letGo.promise;
  stream.say(assign(1, typing("slow")));
  await said(DesktopState.STUCK);
  const beats = stream.all("beat").length;
  await stream.heardOf("beat", beats + 3);
  world.hung = undefined;
  letGo.resolve();
  await said(DesktopState.PRESENT);
  assert.equal((await stream.result(1)).input, InputAmount.ALL);
  world.surface = { is: "absent", cause: "LOCKED" };
  await said(DesktopState.ABSENT);
});

test("the agent holds when acknowledgements stop, and goes on in place when it came back in time", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 10 });
  const text = "abcdefghij".repeat(12);
  const first = await server.welcome();
  first.say(assign(1, typing(text)));
  await until("it types", () => inputs.length > 5);
  first.acksBeats = false;
  const lastAcked = performance.now();
  const second = await server.stream(2);
  const hello = await second.heardOf("hello");
  assert.equal(hello.attemptId, "a1");
  assert.equal(hello.commandNumber, 1);
  assert.equal(hello.epoch, 1n);
  assert.equal(hello.dialNumber, 2n);
  await until("the lease clock has run out and time has passed", () => performance.now() > lastAcked + 700);
  const held = inputs.length;
  assert.ok(held < text.length);
  assert.ok((inputs.at(-1)?.at ?? 0) <= lastAcked + 400 + 1, "an input came after the end of the lease clock");
  await server.welcome(2);
  await second.heardOf("beat", 3);
  assert.equal(inputs.length, held, "a beat alone, without an assignment of this stream, gives nothing back");
  second.say(assign(1, typing(text), { epoch: 2n }));
  const result = await second.result(1);
  assert.equal(result.input, InputAmount.ALL);
  assert.equal(typed(inputs), text);
});

test("between two streams nothing is injected although the lease clock runs on, and the next one goes on in place (G1)", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 5 });
  const text = "abcdefghij".repeat(12);
  const stopAfterMs = 60_000;
  const first = await server.welcome(1, { stopAfterMs });
  first.say(assign(1, typing(text)));
  await until("it types", () => inputs.length > 5);
  first.refuse(status.UNAVAILABLE, "the machine was declared silent; attach again");
  const second = await server.stream(2);
  await second.heardOf("hello");
  const typedSoFar = inputs.length;
  assert.ok(typedSoFar < text.length);
  const since = performance.now();
  await until("it would have typed on", () => performance.now() > since + 100);
  assert.equal(inputs.length, typedSoFar);
  await server.welcome(2, { stopAfterMs });
  second.say(assign(1, typing(text), { epoch: 2n }));
  assert.equal((await second.result(1)).input, InputAmount.ALL);
  assert.equal(typed(inputs), text);
});

test("a lease clock that ran out is logged, and an attempt that is over is not", async () => {
  const warnings: string[] = [];
  const { server, inputs } = await begin({
    inputLatencyMs: 10,
    log: { ...silentLog, warn: (message) => void warnings.push(message) },
  });
  const ranOut = () => warnings.filter((message) => message.includes("the lease clock ran out")).length;
  const first = await server.welcome();
  first.say(assign(1, typing("x")));
  await first.result(1);
  first.say({ case: "assignment", value: { epoch: 2n } });
  await first.heardOf("assignmentAck", 2);
  const text = "a".repeat(300);
  first.say(assign(1, typing(text), { attemptId: "a2", epoch: 3n }));
  await until("it types again", () => inputs.length > 5);
  first.say({ case: "assignment", value: { epoch: 4n } });
  await first.heardOf("assignmentAck", 4);
  // A clock that ran by itself would be noticed within these beats.
  await first.heardOf("beat", first.all("beat").length + 4);
  assert.equal(ranOut(), 0, "the lease was over, not its clock");

  const before = inputs.length;
  first.say(assign(1, typing(text), { attemptId: "a3", epoch: 5n }));
  await until("it types once more", () => inputs.length > before + 5);
  first.acksBeats = false;
  await until("the clock ran out", () => ranOut() === 1);
});

test("a lease that went to somebody else while the agent held injects nothing more", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 10 });
  const first = await server.welcome();
  first.say(assign(1, typing("a".repeat(200))));
  await until("it types", () => inputs.length > 3);
  first.refuse(status.UNAVAILABLE, "replica stops");
  const second = await server.welcome(2);
  second.say({ case: "assignment", value: { epoch: 9n } });
  await second.heardOf("assignmentAck");
  const count = inputs.length;
  await second.heardOf("beat", 4);
  assert.equal(inputs.length, count);
  assert.equal(second.all("result").length, 0, "a forgotten attempt leaves no result");
});

test("abandoning in the middle of typing says CANCELLED and SOME", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 10 });
  const stream = await server.welcome();
  const text = "a".repeat(300);
  stream.say(assign(1, typing(text)));
  await until("it types", () => inputs.length > 3);
  stream.say(assign(1, typing(text), { abandon: true }));
  const result = await stream.result(1);
  const count = inputs.length;
  assert.equal(result.failure?.category, FailureCategory.CANCELLED);
  assert.equal(result.input, InputAmount.SOME);
  await stream.heardOf("beat", stream.all("beat").length + 2);
  assert.equal(inputs.length, count);
});

test("a command on a desktop that hangs ends by its own time, and the agent stays attached (G13)", async () => {
  const { server, world } = await begin();
  const stream = await server.welcome(1, { beatIntervalMs: 300, stopAfterMs: 2000 });
  const hanging = Promise.withResolvers<void>();
  world.hung = hanging.promise;
  stream.say(assign(1, typing("x"), { timeoutMs: 200 }));
  const result = await stream.result(1);
  assert.equal(result.failure?.category, FailureCategory.TIMEOUT);
  assert.equal(result.input, InputAmount.NONE);
  await stream.heardOf("beat", stream.all("beat").length + 1);
  world.hung = undefined;
  hanging.resolve();
});

test("another attempt ends the one in hand and begins with its own command 1", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 10 });
  const stream = await server.welcome();
  stream.say(assign(1, typing("a".repeat(300))));
  await until("it types", () => inputs.length > 3);
  stream.say(assign(1, typing("bb"), { attemptId: "a2", epoch: 2n }));
  const result = await stream.result(1);
  assert.equal(result.attemptId, "a2");
  assert.match(typed(inputs), /^a+bb$/);
});

test("a restarted agent knows no attempt and has a new start id", async () => {
  const { server, agent, start } = await begin();
  const first = await server.welcome();
  const before = await first.heardOf("hello");
  first.say(assign(1, typing("x")));
  await first.result(1);
  await agent.stop();
  start();
  const second = await server.stream(2);
  const hello = await second.heardOf("hello");
  assert.equal(hello.attemptId, "");
  assert.equal(hello.commandNumber, 0);
  assert.equal(hello.epoch, 0n);
  assert.equal(hello.dialNumber, 1n);
  assert.notEqual(hello.incarnation?.startId, before.incarnation?.startId);
});

test("two beat intervals without an acknowledgement end the stream and the agent dials again", async () => {
  const { server } = await begin();
  const first = await server.welcome(1, { beatIntervalMs: 100 });
  await first.heardOf("beat", 2);
  first.acksBeats = false;
  const silentSince = performance.now();
  await server.stream(2);
  assert.ok(performance.now() - silentSince < 1500);
  await until("the old stream is closed", () => first.closed);
  assert.equal((await first.heardOf("goodbye")).redials, true);
});

test("an agent that leaves a stream types nothing more before it says so (G1)", async () => {
  const { server, inputs } = await begin({ inputLatencyMs: 5 });
  const first = await server.welcome(1, { beatIntervalMs: 100, stopAfterMs: 60_000 });
  first.say(assign(1, typing("a".repeat(2_000))));
  await until("it types", () => inputs.length > 3);
  first.acksBeats = false;
  await first.heardOf("goodbye");
  const typed = inputs.length;
  await until("the stream is closed", () => first.closed);
  assert.ok(typed < 2_000);
  assert.equal(inputs.length, typed);
});

test("after GoAway the agent dials the named address at once", async () => {
  const { server } = await begin({
    redialLimits: { firstMs: 60_000, longestMs: 60_000, resetAfterMs: 1, hopelessMs: 1 },
  });
  const other = await startRig();
  try {
    await other.agent.stop();
    const already = other.server.streams.length;
    const first = await server.welcome();
    first.say({ case: "goAway", value: { reason: "upgrade", addresses: [other.server.url] } });
    const hello = await (await other.server.stream(already + 1)).heardOf("hello");
    assert.equal(hello.dialNumber, 2n);
  } finally {
    await rig.agent.stop();
    await other.stop();
  }
});

test("the agent says goodbye when it is stopped, after abandoning what it had in hand", async () => {
  const { server, inputs, agent } = await begin({ inputLatencyMs: 10 });
  const stream = await server.welcome();
  stream.say(assign(1, typing("a".repeat(300))));
  await until("it types", () => inputs.length > 3);
  await agent.stop();
  const order = stream.heard.map(({ case: which }) => which);
  assert.equal((await stream.result(1)).failure?.category, FailureCategory.CANCELLED);
  assert.ok(order.indexOf("result") < order.indexOf("goodbye"));
  assert.deepEqual(await agent.done, { why: "STOPPED" });
});
