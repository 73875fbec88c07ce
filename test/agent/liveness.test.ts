// An application that hangs, crashes or is ended (G13): what a command then sends, and how it says why it ended (G4).

import assert from "node:assert/strict";
import { test } from "node:test";
import { InputAmount } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { Bench, type CommandInit, frozen, launched, text, type, window } from "../support/step-bench.ts";
import { until } from "./desktop/until.ts";

test("nothing is sent to an application that does not answer, nothing read from it, and FROZEN is told (G13)", async () => {
  const commands: CommandInit[] = [
    type("x"),
    { action: { case: "press", value: { chord: "ctrl+s" } } },
    { action: { case: "paste", value: { text: "x" } } },
    { action: { case: "click", value: { target: { kind: { case: "window", value: { title: "*" } } } } } },
    { action: { case: "close", value: { window: { title: "*" } } } },
    { action: { case: "read", value: { source: { case: "activeTitle", value: true } } } },
    { action: { case: "assert", value: { conditions: [window("*Mousepad")] } } },
    { action: { case: "wait", value: { conditions: [window("never")] } } },
  ];
  const ends = await Promise.all(
    commands.map(async (command) => {
      const bench = frozen();
      const { input, failure } = await bench.do(command, 60);
      return [failure?.category, input, bench.inputs.length];
    }),
  );
  assert.deepEqual(
    ends,
    commands.map(() => ["FROZEN", InputAmount.NONE, 0]),
  );
});

test("that an application hangs is known when the time of the command is over (G13)", async () => {
  const timeMs = 2_000;
  const began = performance.now();
  const bench = Object.assign(frozen(), { patient: true });
  const { failure } = await bench.do({ action: { case: "wait", value: { conditions: [window("never")] } } }, timeMs);
  assert.equal(failure?.category, "FROZEN");
  assert.ok(performance.now() - began < timeMs + 800);
});

test("an application that hangs in the middle of typing gets no more than it got so far, and FROZEN is told (G13)", async () => {
  const bench = Object.assign(launched(), { patient: true });
  const ending = bench.do(type("a".repeat(100_000)), 2_500);
  await until("it types", () => bench.inputs.length > 10);
  for (const each of bench.world.windows) each.frozen = true;
  const frozenAt = performance.now();
  const late = () => bench.inputs.length;
  let [typed, since] = [late(), performance.now()];
  await until("it types no more", () => {
    if (late() !== typed) [typed, since] = [late(), performance.now()];
    return performance.now() - since > 500;
  });
  assert.ok(since - frozenAt < 1_500, `it typed for ${since - frozenAt} ms`);
  const { failure, input } = await ending;
  assert.deepEqual([failure?.category, input], ["FROZEN", InputAmount.SOME]);
});

test("what an application has not taken by the end of the command's time was not done (G13)", async () => {
  const bench = Object.assign(launched(), { patient: true });
  // It hangs before the last of the three.
  bench.asked = () => {
    for (const each of bench.world.windows) each.frozen ||= bench.inputs.length === 2;
  };
  const { failure, input } = await bench.do(type("xyz"), 1_000);
  assert.deepEqual([failure?.category, input], ["FROZEN", InputAmount.ALL]);
});

test("an application that answers again in time gets its input, after a look of that time", async () => {
  const bench = frozen();
  const [editor] = bench.world.windows;
  const ending = bench.do({ ...type("x"), guard: [text("chart 4711")] });
  setTimeout(() => Object.assign(editor ?? {}, { frozen: false, text: "chart 4711" }), 50);
  const { input, failure } = await ending;
  assert.equal(failure, undefined);
  assert.equal(input, InputAmount.ALL);
});

test("what did not come true is said by its cause, and how much input arrived stays as it was (G4, G13)", async () => {
  const never = { done: [window("never")], doneTimeoutMs: 40 };
  const typed: CommandInit = { ...type("x"), ...never };
  const healthy = await launched().do(typed);
  assert.deepEqual([healthy.failure?.category, healthy.input], ["NOT_DONE", InputAmount.ALL]);

  const freezes = launched();
  const freezing = freezes.do(typed);
  await until("it is typed", () => freezes.inputs.length > 0);
  for (const each of freezes.world.windows) each.frozen = true;
  assert.deepEqual([(await freezing).failure?.category, (await freezing).input], ["FROZEN", InputAmount.ALL]);

  const crashes = launched();
  const crashing = crashes.do(typed);
  await until("it is typed", () => crashes.inputs.length > 0);
  crashes.world.kill("mousepad");
  assert.deepEqual([(await crashing).failure?.category, (await crashing).input], ["APP_CRASHED", InputAmount.ALL]);

  const gone = new Bench();
  const click: CommandInit = {
    action: { case: "click", value: { target: { kind: { case: "window", value: { title: "*" } } } } },
  };
  const clicked = await gone.do(click);
  assert.deepEqual([clicked.failure?.category, clicked.input], ["APP_CRASHED", InputAmount.NONE]);
});

test("an application is ended with all its processes, one that hangs too; without one nothing is done", async () => {
  const end: CommandInit = { action: { case: "endApplication", value: {} } };
  const bench = launched();
  bench.world.launch(["mousepad"]);
  bench.world.open({ title: "Mail", process: "mail" });
  const told = await bench.do(end);
  assert.deepEqual([told.failure, told.input], [undefined, InputAmount.ALL]);
  assert.deepEqual(
    bench.world.processes().map(({ name }) => name),
    ["mail"],
  );
  const again = await bench.do(end);
  assert.deepEqual([again.failure, again.input], [undefined, InputAmount.NONE]);

  const hanging = frozen();
  const forced = await hanging.do(end, 10_000);
  assert.deepEqual([forced.failure, forced.input], [undefined, InputAmount.ALL]);
  assert.deepEqual(hanging.world.processes(), []);

  const held = launched();
  held.mayInject = false;
  const waiting = await held.do(end, 50);
  assert.deepEqual([waiting.failure?.category, waiting.input], ["TIMEOUT", InputAmount.NONE]);
  assert.equal(held.world.processes().length, 1, "not without the lease");
});

test("a guard that fails and a focus that is lost say so, whatever became of the application", async () => {
  const guarded = await launched().do({ ...type("x"), guard: [text("not there")] });
  assert.equal(guarded.failure?.category, "GUARD_FAILED");
  const bench = new Bench();
  assert.equal((await bench.do(type("x"))).failure?.category, "FOCUS_LOST");
  const pause: CommandInit = { action: { case: "pause", value: { durationMs: 500 } } };
  assert.equal((await frozen().do(pause, 30)).failure?.category, "TIMEOUT", "a pause asks nothing of it");
});
