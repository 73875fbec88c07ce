// An agent that an operator has halted, or whom a person keeps from going on, over a real socket (G14): it stops in mid-word,
// keeps its place and its time, and does what it is told then.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { FailureCategory, HoldReason, InputAmount } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { type AgentRig, assign, startRig, typed, typing } from "../support/agent-rig.ts";
import type { FakeStream } from "../support/fake-server.ts";
import { until } from "./desktop/until.ts";

const text = "abcdefghij".repeat(6);
/** A busy machine must not be taken for a stream that is dead. */
const times = { beatIntervalMs: 150, stopAfterMs: 1_500 };

let rig: AgentRig;
const begin = async (inputLatencyMs = 5) => {
  rig = await startRig({ inputLatencyMs });
  return rig;
};
afterEach(() => rig.stop());

type Command = Parameters<typeof assign>;
type Word = { readonly halted?: boolean; readonly resumeNumber?: number; readonly abandon?: boolean };

/** The same assignment with other words about holding. */
function says(stream: FakeStream, [number, action, more]: Command, words: Word): void {
  const { value } = assign(number, action, more);
  stream.say({ case: "assignment", value: { ...value, ...words } });
}

const holds = (stream: FakeStream) => stream.all("beat").at(-1)?.hold;
const acked = (stream: FakeStream, count: number) => stream.heardOf("assignmentAck", count);

/** How much is typed when it has stopped, and that it stays so for some beats. */
async function stopped({ inputs }: AgentRig, stream: FakeStream): Promise<number> {
  const before = inputs.length;
  assert.ok(before > 0 && before < text.length);
  await stream.heardOf("beat", stream.all("beat").length + 2);
  assert.equal(inputs.length, before);
  return before;
}

/** Types, and is halted in the middle; the command has `timeoutMs`. */
async function halted(timeoutMs = 5_000): Promise<{ stream: FakeStream; command: Command }> {
  const { server, inputs } = await begin();
  const command: Command = [1, typing(text), { timeoutMs }];
  const stream = await server.welcome(1, times);
  says(stream, command, {});
  await until("it types", () => inputs.length > 5);
  says(stream, command, { halted: true });
  await acked(stream, 2);
  return { stream, command };
}

test("a halted agent sends not one character more from the acknowledgement on, says so, and goes on in mid-word", async () => {
  const { stream, command } = await halted();
  await stopped(rig, stream);
  assert.equal(holds(stream), HoldReason.HALTED);
  says(stream, command, {});
  const result = await stream.result(1);
  assert.equal(result.input, InputAmount.ALL);
  assert.equal(typed(rig.inputs), text);
  await until("it holds no more", () => holds(stream) === HoldReason.UNSPECIFIED);
});

test("a halted command can be abandoned, and says how much of it arrived", async () => {
  const { stream, command } = await halted();
  const before = await stopped(rig, stream);
  says(stream, command, { halted: true, abandon: true });
  const result = await stream.result(1);
  assert.equal(result.failure?.category, FailureCategory.CANCELLED);
  assert.equal(result.input, InputAmount.SOME);
  assert.equal(rig.inputs.length, before);
});

test("a command that arrives halted sends nothing, and abandoned it was as if it had not been tried", async () => {
  const { server, inputs } = await begin();
  const stream = await server.welcome(1, times);
  const command: Command = [1, typing(text)];
  says(stream, command, { halted: true });
  await stream.heardOf("beat", 4);
  says(stream, command, { halted: true, abandon: true });
  assert.equal((await stream.result(1)).input, InputAmount.NONE);
  assert.equal(inputs.length, 0);
});

test("while somebody holds the agent the time of its command stands still, and its own check's too", async () => {
  const { stream, command } = await halted(1_200);
  const heldSince = performance.now();
  await until("its time would be over", () => performance.now() - heldSince > 1_250);
  assert.equal(stream.all("result").length, 0);
  says(stream, command, {});
  assert.equal((await stream.result(1)).failure, undefined);

  const never = { kind: { case: "window", value: { title: "never" } } } as const;
  const checked: Command = [2, typing("x"), { done: [never], doneTimeoutMs: 150 }];
  says(stream, checked, {});
  await until("it is typed", () => rig.inputs.length > text.length);
  says(stream, checked, { halted: true });
  const beats = stream.all("beat").length;
  await stream.heardOf("beat", beats + 3);
  assert.equal(stream.all("result").filter(({ number }) => number === 2).length, 0);
  says(stream, checked, {});
  assert.equal((await stream.result(2)).failure?.category, FailureCategory.NOT_DONE);
});

test("a halted agent goes on looking", async () => {
  const { server } = await begin();
  const stream = await server.welcome(1, times);
  const wait: Command = [
    1,
    { case: "wait", value: { conditions: [{ kind: { case: "window", value: { title: "*Mousepad" } } }] } },
  ];
  says(stream, wait, { halted: true });
  assert.equal((await stream.result(1)).failure, undefined);
});

test("an agent that was away stays halted until an assignment of the new stream says otherwise", async () => {
  const { stream, command } = await halted();
  const before = await stopped(rig, stream);
  stream.refuse(status.UNAVAILABLE, "later");
  const second = await rig.server.welcome(2, times);
  await second.heardOf("beat", 2);
  assert.equal(holds(second), HoldReason.HALTED);
  assert.equal(rig.inputs.length, before);
  const [number, action, more] = command;
  says(second, [number, action, { ...more, epoch: 2n }], {});
  await second.result(1);
  assert.equal(typed(rig.inputs), text);
});

test("a late assignment of an older epoch neither halts nor lets go", async () => {
  const { server, inputs } = await begin();
  const stream = await server.welcome(1, times);
  says(stream, [1, typing(text), { epoch: 7n }], {});
  await until("it types", () => inputs.length > 5);
  says(stream, [1, typing(text), { epoch: 6n }], { halted: true });
  assert.equal((await stream.result(1)).input, InputAmount.ALL);
});

test("an operator's word lets the agent go on at once although a person was at the mouse, and only for what was before it", async () => {
  const { server, inputs, world } = await begin();
  const stream = await server.welcome(1, times);
  const command: Command = [1, typing(text)];
  says(stream, command, { resumeNumber: 3 });
  await until("it types", () => inputs.length > 5);
  world.personMsAgo = 2_000;
  await until("it says so", () => holds(stream) === HoldReason.HUMAN_PRESENT);
  await stopped(rig, stream);
  says(stream, command, { resumeNumber: 3 });
  await stopped(rig, stream);
  says(stream, command, { resumeNumber: 4 });
  const went = inputs.length;
  await until("it goes on", () => inputs.length > went);
  // Somebody touches the mouse again.
  world.personMsAgo = 0;
  await until("it says so again", () => holds(stream) === HoldReason.HUMAN_PRESENT);
  await stopped(rig, stream);
});

test("that somebody holds the agent, or does no longer, is said at once and not with the next beat", async () => {
  const { server, world } = await begin();
  const stream = await server.welcome(1, { beatIntervalMs: 10_000, stopAfterMs: 30_000 });
  await stream.heardOf("beat");
  world.personMsAgo = 0;
  assert.equal((await stream.heardOf("beat", 2)).hold, HoldReason.HUMAN_PRESENT);
  world.personMsAgo = undefined;
  assert.equal((await stream.heardOf("beat", 3)).hold, HoldReason.UNSPECIFIED);
});
