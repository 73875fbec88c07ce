// The host of Windows in drover-agent.exe, under Wine: from the inside, and as a program with its processes, their ends, and
// what stays on the disk. A fake control plane.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { type WineSession, winePath } from "../../../agent/desktop/wine-session.ts";
import { partFor } from "../../../deploy/agent-build/parts.ts";
import { assign } from "../../support/agent-rig.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { FakeServer } from "../../support/fake-server.ts";
import { reportAll, testInExecutable } from "../../support/in-executable.ts";
import { startTestWine, startUnderWine, type WineProgram } from "../../support/wine.ts";
import { until } from "../desktop/until.ts";

let session: WineSession;
let executable: string;
let node: string;
let server: FakeServer;
const started: WineProgram[] = [];
/** Slow enough for a busy machine. */
const beats = { beatIntervalMs: 500, stopAfterMs: 5000 };
const state = () => join(session.dir, "state");

before(async () => {
  session = await startTestWine();
  executable = (await builtAgent("win32-x64")).path;
  node = join(session.dir, "node.exe");
  writeFileSync(node, await partFor("node", "win32-x64", () => {}));
  copyFileSync(join(import.meta.dirname, "exec-program.ts"), join(session.dir, "exec-program.ts"));
  server = await FakeServer.start();
  writeFileSync(join(session.dir, "token"), "good-token-000000000\n");
  const where = ["--server", server.url, "--state", winePath(state()), "--name", "vm-1"];
  const enrolling = startUnderWine(session, executable, [
    "enrol",
    ...where,
    "--token-file",
    winePath(join(session.dir, "token")),
  ]);
  assert.equal(await exitOf(enrolling), 0, enrolling.output());
  server.stop();
});

after(() => session?.stop());

// Called for tests within a test as well: what one of those begins is not to keep this process.
const servers: FakeServer[] = [];
beforeEach(async () => {
  server = await FakeServer.start();
  servers.push(server);
});

afterEach(async () => {
  // Its agent follows by itself.
  for (const { pid, ended } of started.splice(0)) {
    kill(pid);
    await ended;
  }
  await until("no agent is left", () => agentProcesses().length === 0);
});

after(() => {
  for (const each of servers) each.stop();
});

function runArguments(stateDir = state()): string[] {
  const where = ["--server", server.url, "--state", winePath(stateDir), "--simulated", "--log-json"];
  return ["run", ...where, "--allow-exec", `node=${winePath(node)}`];
}

function agent(env: Record<string, string> = {}, stateDir = state()): WineProgram {
  const program = startUnderWine(session, executable, runArguments(stateDir), env);
  started.push(program);
  return program;
}

/** The exit status of a program that is to end soon. */
async function exitOf(program: WineProgram): Promise<number | null> {
  const ends: (number | null)[] = [];
  program.ended.then((code) => ends.push(code));
  await until("the program has ended", () => ends.length > 0);
  return ends[0] ?? null;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

const commandLineOf = (pid: string): string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
};

/** The agent's own processes, of which each supervisor has one: Windows' child processes are no child processes of Unix. */
function agentProcesses(): number[] {
  const found = readdirSync("/proc").filter((pid) => {
    const line = commandLineOf(pid);
    return line.includes("--unsupervised") && line.includes(winePath(state()));
  });
  return found.map(Number);
}

test("the executable for Windows has the clocks, the lock, the key's protection and exec of Windows", async (t) => {
  const paths = {
    DROVER_TEST_NODE: winePath(node),
    DROVER_TEST_PROGRAM: winePath(join(session.dir, "exec-program.ts")),
  };
  const inside = await testInExecutable(
    "test/agent/host/windows-inside.ts",
    (env) => startUnderWine(session, executable, ["--version"], { ...env, ...paths }),
    winePath,
  );
  await reportAll(t, inside);
});

test("the key is protected on the disk: another user of a copy, or of a damaged file, is told what to do", async () => {
  const kept = readFileSync(join(state(), "identity.json"), "utf8");
  assert.deepEqual(Object.keys(JSON.parse(kept)), ["machineId", "protectedMachineKey"]);
  assert.ok(!kept.includes("key-1"));
  const other = agent({ USER: "another" });
  assert.equal(await exitOf(other), 2);
  assert.match(other.output(), /agent: .*cannot be used here.*enrol/);
  assert.equal(server.streams.length, 0);
});

test("an agent that is killed is attached again as a new incarnation of the same boot within 3 s (G1)", async () => {
  agent();
  const first = await server.welcome(1, beats);
  const before = await first.heardOf("hello");
  assert.equal(first.authorization, "Bearer key-1");
  assert.equal(before.incarnation?.holdsLock, true);
  await first.heardOf("beat");
  const [worker = 0] = agentProcesses();
  kill(worker);
  const killedAt = performance.now();
  const hello = await (await server.stream(2)).heardOf("hello");
  const tookMs = performance.now() - killedAt;
  assert.ok(tookMs < 3000, `it took ${Math.round(tookMs)} ms`);
  assert.notEqual(hello.incarnation?.startId, before.incarnation?.startId);
  assert.equal(hello.incarnation?.bootId, before.incarnation?.bootId);
  assert.equal(hello.incarnation?.holdsLock, true);
});

test("a second agent of the machine exits with 2, on the same state directory and on a copy", async () => {
  agent();
  await (await server.welcome(1, beats)).heardOf("beat");
  const copy = join(session.dir, "copy");
  cpSync(state(), copy, { recursive: true, filter: (file) => !file.endsWith("agent.lock") });
  for (const second of [state(), copy].map((stateDir) => agent({}, stateDir))) {
    assert.equal(await exitOf(second), 2);
    assert.match(second.output(), /another agent of this machine/);
  }
  assert.equal(server.streams.length, 1);
});

for (const [what, end] of [
  ["does not outlive a killed agent", () => kill(agentProcesses()[0] ?? 0)],
  ["ends with the lease", () => server.streams[0]?.say({ case: "assignment", value: { epoch: 2n } })],
] as const) {
  test(`what exec's program started ${what}`, async () => {
    agent();
    const stream = await server.welcome(1, beats);
    const file = join(session.dir, `alive-${what}`);
    const args = [winePath(join(session.dir, "exec-program.ts")), "parent", winePath(file)];
    stream.say(assign(1, { case: "exec", value: { name: "node", arguments: args } }, { timeoutMs: 60_000 }));
    await until("the grandchild writes", () => existsSync(file) && Number(readFileSync(file, "utf8")) > 2);
    const writers = () => readdirSync("/proc").filter((pid) => commandLineOf(pid).includes(winePath(file)));
    assert.equal(writers().length, 2);
    end();
    await until("both are gone", () => writers().length === 0, 2000);
  });
}

test("an agent whose supervisor was killed ends with it", async () => {
  const supervisor = agent();
  const stream = await server.welcome(1, beats);
  await stream.heardOf("beat");
  kill(supervisor.pid);
  await until("it is gone", () => agentProcesses().length === 0, 2000);
});

test("Ctrl+C says goodbye and ends the program with 0", async (t) => {
  // A console of Windows is a terminal of this system.
  const line = `exec wine ${[executable, ...runArguments()].map((part) => `'${part}'`).join(" ")}`;
  const env = { ...session.env, TERM: "xterm" };
  const terminal = spawn("script", ["-qec", line, "/dev/null"], { env, stdio: ["pipe", "ignore", "ignore"] });
  t.after(() => terminal.kill("SIGKILL"));
  const stream = await server.welcome(1, beats);
  await stream.heardOf("beat");
  terminal.stdin.write("\x03");
  await stream.heardOf("goodbye");
  await until("the terminal's program has ended", () => terminal.exitCode !== null);
  assert.equal(terminal.exitCode, 0);
});

test("the boot id is another one when all programs of the user have ended in between", async () => {
  const { pid } = agent();
  const before = await (await server.welcome(1, beats)).heardOf("hello");
  kill(pid);
  await once(spawn("wineserver", ["-k", "-w"], { env: session.env }), "exit");
  agent();
  const hello = await (await server.stream(2)).heardOf("hello");
  assert.notEqual(hello.incarnation?.bootId, before.incarnation?.bootId);
});
