// Commands carried out on a simulated desktop: who may receive input, what is checked before and after, and how exactly
// the amount of input is told (G2, G3, G4, G11).

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StepEnded } from "../../agent/steps/step-ended.ts";
import { ArtifactKind, InputAmount, SurfaceCause, Verdict } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { Bench, type CommandInit, launched, launchedWith, text, type, window } from "../support/step-bench.ts";
import { until } from "./desktop/until.ts";

test("text is typed into the application's window, and all of it is told", async () => {
  const bench = launched();
  const { input, failure } = await bench.do(type("Ä b\n"));
  assert.equal(failure, undefined);
  assert.equal(input, InputAmount.ALL);
  assert.equal(bench.world.active?.text, "Ä b\n");
  assert.deepEqual(bench.kept, [ArtifactKind.FRAME]);
});

test("nothing is typed into a window of another program", async () => {
  const bench = launched();
  bench.world.open({ title: "Mail", process: "mail" });
  const { input, failure } = await bench.do(type("secret"));
  assert.equal(failure?.category, "FOCUS_LOST");
  assert.equal(input, InputAmount.NONE);
  assert.equal(bench.inputs.length, 0);
  assert.doesNotMatch(failure?.message ?? "", /Mail|secret/);
});

test("focus that is stolen in the middle of typing stops it at that character, and SOME is told", async () => {
  const bench = launched();
  bench.world.inputLatencyMs = 5;
  const ending = bench.do(type("x".repeat(100)));
  await until("some arrived", () => bench.inputs.length > 4);
  bench.world.open({ title: "Mail", process: "mail" });
  const { input, failure } = await ending;
  assert.equal(failure?.category, "FOCUS_LOST");
  assert.equal(input, InputAmount.SOME);
  assert.ok(bench.inputs.every(({ receiver }) => receiver === "mousepad"));
});

test("permission that goes at the very call is waited for, and nothing is lost or doubled", async () => {
  const bench = launched();
  let asked = 0;
  bench.asked = () => {
    // Every seventh time: now before a call, now at it.
    if (++asked % 7 !== 0 || !bench.mayInject) return;
    bench.mayInject = false;
    setImmediate(() => bench.resume());
  };
  const { input, failure } = await bench.do(type("abcdefghij"));
  assert.equal(failure, undefined);
  assert.equal(input, InputAmount.ALL);
  assert.equal(bench.typed, "abcdefghij");
  assert.ok(asked > 20);
});

test("a person who pressed something in the middle of a text gets none of its rest (G3, G14)", async () => {
  const bench = launched();
  bench.world.inputLatencyMs = 5;
  const ending = bench.do(type("x".repeat(100)));
  await until("some arrived", () => bench.inputs.length > 4);
  bench.hold();
  bench.personPresses++;
  bench.resume();
  const { input, failure } = await ending;
  assert.equal(failure?.category, "FOCUS_LOST");
  assert.equal(input, InputAmount.SOME);
  assert.ok(bench.inputs.length < 10);
  const next = await launchedWith({ personPresses: 7 }).do(type("all"));
  assert.equal(next.input, InputAmount.ALL, "what was pressed before a command is no matter");
});

test("keyboard input goes only to the window that the command names", async () => {
  const bench = launched();
  bench.world.open({ title: "Find", process: "mousepad" });
  const { failure } = await bench.do({ ...type("x"), focus: { title: "*Mousepad" } });
  assert.equal(failure?.category, "FOCUS_LOST");
  assert.equal(bench.inputs.length, 0);
});

test("a click whose target is covered by another program's window is not made", async () => {
  const bench = launched();
  bench.world.open({ title: "Mail", process: "mail" });
  const target = { kind: { case: "window" as const, value: { title: "*Mousepad" } } };
  const { failure, input } = await bench.do({ action: { case: "click", value: { target } } });
  assert.equal(failure?.category, "FOCUS_LOST");
  assert.equal(input, InputAmount.NONE);
});

test("a target that fits twice is refused, and so is one that fits nowhere", async () => {
  const bench = launched();
  bench.world.open({ title: "Untitled 2 - Mousepad", process: "mousepad" });
  const click = (title: string): CommandInit => ({
    action: { case: "click", value: { target: { kind: { case: "window", value: { title } } } } },
  });
  assert.equal((await bench.do(click("*Mousepad"))).failure?.category, "TARGET_AMBIGUOUS");
  assert.equal((await bench.do(click("Nowhere"))).failure?.category, "TARGET_NOT_FOUND");
  assert.equal(bench.inputs.length, 0);
});

test("an order to stop is heard in the middle of a text that the desktop takes without a pause", async () => {
  const bench = launched();
  const ending = bench.do(type("x".repeat(500_000)), 60_000);
  const stop = () => {
    if (bench.inputs.length === 0) return void setImmediate(stop);
    bench.ending.abort(new StepEnded("CANCELLED", "the command was abandoned"));
  };
  stop();
  const { failure, input } = await ending;
  assert.equal(failure?.category, "CANCELLED");
  assert.equal(input, InputAmount.SOME);
  assert.ok(bench.inputs.length < 500_000);
});

test("a guard that does not hold keeps the step from sending anything", async () => {
  const bench = launched();
  const press: CommandInit = { action: { case: "press", value: { chord: "enter" } } };
  const { failure, input } = await bench.do({ ...press, guard: [window("*Mousepad"), text("patient 4711")] });
  assert.equal(failure?.category, "GUARD_FAILED");
  assert.equal(failure?.message, "guard 2: text did not hold");
  assert.equal(input, InputAmount.NONE);
  assert.equal(bench.inputs.length, 0);
});

test("a guard is evaluated again when the agent had to hold before the first input", async () => {
  const bench = launched();
  bench.world.inputLatencyMs = 50;
  const ending = bench.do({ ...type("x"), guard: [window("Untitled*")] });
  await until("the guard has been evaluated, and the step is on its way to its first input", () => bench.looks === 1);
  bench.hold();
  const main = bench.world.active;
  assert.ok(main);
  main.title = "Somebody else - Mousepad";
  setTimeout(() => bench.resume(), 100);
  const { failure, input } = await ending;
  assert.equal(failure?.category, "GUARD_FAILED");
  assert.equal(input, InputAmount.NONE);
});

test("a step whose own check does not hold in time says NOT_DONE and ALL", async () => {
  const bench = launched();
  const { failure, input } = await bench.do({ ...type("x"), done: [window("Saved*")] }, 300);
  assert.equal(failure?.category, "NOT_DONE");
  assert.equal(input, InputAmount.ALL);
});

test("a step's own check has its own time, however long the command has", async () => {
  const bench = launched();
  const began = performance.now();
  const late = { ...type("x"), done: [window("Saved*")], doneTimeoutMs: 100 };
  const { failure, input } = await bench.do(late, 30_000);
  assert.equal(failure?.category, "NOT_DONE");
  assert.equal(input, InputAmount.ALL);
  assert.ok(performance.now() - began < 5_000);
});

test("a step that holds until its time is over says TIMEOUT and how much had arrived", async () => {
  const bench = launched();
  bench.world.inputLatencyMs = 5;
  const ending = bench.do(type("x".repeat(200)), 400);
  await until("some arrived", () => bench.inputs.length > 4);
  bench.hold();
  const { failure, input } = await ending;
  assert.equal(failure?.category, "TIMEOUT");
  assert.equal(input, InputAmount.SOME);
});

test("a desktop that hangs is found by the command's time", async () => {
  const bench = launched();
  const letGo = Promise.withResolvers<void>();
  bench.world.hung = letGo.promise;
  const { failure, input, settled } = await bench.do(type("x"), 200);
  assert.equal(failure?.category, "TIMEOUT");
  assert.equal(input, InputAmount.NONE);
  bench.world.hung = undefined;
  letGo.resolve();
  await settled;
  assert.equal(bench.inputs.length, 0, "the closed gate lets nothing through afterwards");
});

test("wait ends when its conditions hold at once, and passes the deadline as TIMEOUT", async () => {
  const bench = launched();
  const wait = (title: string): CommandInit => ({ action: { case: "wait", value: { conditions: [window(title)] } } });
  setTimeout(() => bench.world.open({ title: "Save As", process: "mousepad" }), 100);
  const { failure, input } = await bench.do(wait("Save As"));
  assert.equal(failure, undefined);
  assert.equal(input, InputAmount.NONE);
  assert.equal((await bench.do(wait("Never"), 150)).failure?.category, "TIMEOUT");
});

test("paste leaves nothing on the clipboard", async () => {
  const bench = launched();
  const paste: CommandInit = { action: { case: "paste", value: { text: "patient 4711" } } };
  assert.equal((await bench.do(paste)).input, InputAmount.ALL);
  assert.equal(bench.world.active?.text, "patient 4711");
  assert.equal(bench.world.clipboard, "");
  bench.world.open({ title: "Mail", process: "mail" });
  assert.equal((await bench.do(paste)).failure?.category, "FOCUS_LOST");
  assert.equal(bench.world.clipboard, "");
});

test("titles, texts and conditions are read and asserted", async () => {
  const bench = launched();
  await bench.do(type("Hello there"));
  const read = async (source: NonNullable<Extract<CommandInit["action"], { case: "read" }>>["value"]) =>
    (await bench.do({ action: { case: "read", value: source } })).output?.text;
  assert.equal(await read({ source: { case: "activeTitle", value: true } }), "Untitled 1 - Mousepad");
  assert.match((await read({ source: { case: "windowText", value: { title: "*Mousepad" } } })) ?? "", /Hello there/);
  const assertion = (absent: boolean): CommandInit => ({
    action: { case: "assert", value: { conditions: [{ ...text("hello"), absent }] } },
  });
  assert.equal((await bench.do(assertion(false))).failure, undefined);
  assert.equal((await bench.do(assertion(true))).failure?.category, "ASSERTION_FAILED");
});

test("a program that cannot be started is EXEC_FAILED and NONE; one that can is ALL", async () => {
  const bench = new Bench();
  const launch = (command: string[]): CommandInit => ({ action: { case: "launch", value: { command } } });
  const missing = await bench.do(launch(["nothing"]));
  assert.equal(missing.failure?.category, "EXEC_FAILED");
  assert.equal(missing.input, InputAmount.NONE);
  assert.equal((await bench.do(launch(["mousepad"]))).input, InputAmount.ALL);
});

const scripts = mkdtempSync(join(tmpdir(), "drover-exec-"));
process.on("exit", () => rmSync(scripts, { recursive: true, force: true }));
function script(name: string, body: string): string {
  const path = join(scripts, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

test("exec runs only what the machine's own list names, without a shell, and tells status and output", async () => {
  const bench = launched();
  const exec = (name: string, ...more: string[]): CommandInit => ({
    action: { case: "exec", value: { name, arguments: more } },
  });
  const refused = await bench.do(exec("echo"));
  assert.equal(refused.failure?.category, "EXEC_REFUSED");
  assert.equal(refused.input, InputAmount.NONE);
  bench.allowExec.set("echo", script("echo", 'printf "%s" "$1"'));
  bench.allowExec.set("fail", script("fail", "exit 3"));
  bench.allowExec.set("gone", join(scripts, "gone"));
  const echoed = await bench.do(exec("echo", "$(id); x"));
  assert.equal(echoed.output?.text, "$(id); x");
  assert.equal(echoed.input, InputAmount.ALL);
  const failed = await bench.do(exec("fail"));
  assert.equal(failed.failure?.category, "EXEC_FAILED");
  assert.equal(failed.output?.exitCode, 3);
  assert.equal((await bench.do(exec("gone"))).input, InputAmount.NONE);
});

test("a held lease ends what exec started, its children included", async () => {
  const bench = launched();
  bench.allowExec.set("linger", script("linger", `sleep 60 & echo $! > ${join(scripts, "child")}; wait`));
  const ending = bench.do({ action: { case: "exec", value: { name: "linger" } } }, 5000);
  const child = await until("the child runs", () => {
    try {
      return Number(readFileSync(join(scripts, "child"), "utf8")) || undefined;
    } catch {
      return undefined;
    }
  });
  bench.hold();
  const { failure, input } = await ending;
  assert.equal(failure?.category, "LEASE_LOST");
  assert.equal(input, InputAmount.SOME);
  await until("the child is gone", () => !alive(child));
});

function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}

const prove = async (bench: Bench, value: Extract<CommandInit["action"], { case: "prove" }>["value"] = {}) => {
  const { proof, failure } = await bench.do({ action: { case: "prove", value } });
  assert.equal(failure, undefined);
  assert.ok(proof);
  return proof;
};

test("each verdict of a readiness proof is found", async () => {
  const ready = { ready: [window("*Mousepad"), { kind: { case: "responsiveMs" as const, value: 50 } }] };
  const bench = new Bench();
  assert.equal((await prove(bench, ready)).verdict, Verdict.APP_NOT_RUNNING);
  bench.world.launch(["mousepad"]);
  const good = await prove(bench, ready);
  assert.equal(good.verdict, Verdict.READY);
  assert.equal(good.screenWidth, 1280);
  assert.ok(good.frameArtifactId);
  assert.ok(good.evidence?.every(({ held }) => held));
  const main = bench.world.active;
  assert.ok(main);

  main.frozen = true;
  assert.equal((await prove(bench, ready)).verdict, Verdict.FROZEN);
  main.frozen = false;
  main.title = "Sign in";
  assert.equal((await prove(bench, ready)).verdict, Verdict.WRONG_SCREEN);
  assert.equal((await prove(bench, { ...ready, blocking: [{ title: "Sign*" }] })).verdict, Verdict.MODAL_BLOCKING);
  main.title = "Untitled - Mousepad";
  const dialog = bench.world.open({ title: "Save?", process: "mousepad", modal: true });
  assert.equal((await prove(bench, ready)).verdict, Verdict.MODAL_BLOCKING);
  bench.world.remove(dialog.id);
  const asking = bench.world.open({ title: "Update now?", process: "updater", dialog: true });
  assert.equal((await prove(bench, ready)).verdict, Verdict.MODAL_BLOCKING);
  bench.world.remove(asking.id);
  const inFront = bench.world.open({ title: "Calculator", process: "calculator" });
  assert.equal((await prove(bench, ready)).verdict, Verdict.WRONG_SCREEN);
  bench.world.remove(inFront.id);
  const beside = { x: 900, y: 600, width: 50, height: 50 };
  bench.world.open({ title: "Beside", process: "updater", box: beside });
  assert.equal((await prove(bench, ready)).verdict, Verdict.WRONG_SCREEN);
  for (const cause of ["LOCKED", "BLANK", "NO_SESSION", "UNREACHABLE", "DISCONNECTED", "SECURE_DESKTOP"] as const) {
    bench.world.surface = { is: "absent", cause };
    const { verdict, surfaceCause } = await prove(bench, ready);
    assert.deepEqual([verdict, surfaceCause], [Verdict.NO_SURFACE, SurfaceCause[cause]]);
  }
});

test("evidence says which probe failed and nothing of what is on the screen", async () => {
  const bench = launched();
  const proof = await prove(bench, { ready: [window("*Mousepad"), text("patient 4711")] });
  const last = proof.evidence?.at(-1);
  assert.equal(last?.probe, "ready 2: text");
  assert.equal(last?.held, false);
  assert.doesNotMatch(JSON.stringify(proof.evidence), /Mousepad|4711/);
});
