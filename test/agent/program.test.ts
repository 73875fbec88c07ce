// The agent as a program: processes, signals, exit codes, files. Real processes, a fake control plane.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { saveIdentity } from "../../agent/identity.ts";
import { assign } from "../support/agent-rig.ts";
import { FakeServer, MACHINE_ID } from "../support/fake-server.ts";
import { until } from "./desktop/until.ts";

const program = join(import.meta.dirname, "../../agent/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "drover-program-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let server: FakeServer;
let stateDir: string;
let started: ChildProcess[] = [];
let states = 0;

beforeEach(async () => {
  server = await FakeServer.start();
  stateDir = join(scratch, `state-${++states}`);
});

afterEach(async () => {
  for (const child of started) child.kill("SIGTERM");
  await Promise.all(started.map((child) => ended(child)));
  started = [];
  server.stop();
});

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once("exit", (code) => resolve(code));
  });

function agent(...more: string[]): ChildProcess {
  const args = ["run", "--server", server.url, "--state", stateDir, "--simulated", "--log-json", ...more];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    stdio: ["ignore", "ignore", process.env["SHOW_LOG"] === undefined ? "ignore" : "inherit"],
  });
  started.push(child);
  return child;
}

const enrolled = () => saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "key-1" });

/** The agent's own process, under its supervisor. */
async function workerOf(supervisor: ChildProcess): Promise<number> {
  return until("the supervisor has a child", () => {
    const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, "utf8");
    return Number(children.trim().split(" ")[0]) || undefined;
  });
}

test("an agent that is killed is attached again as a new incarnation within 3 s", async () => {
  enrolled();
  const supervisor = agent();
  const first = await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 2000 });
  const before = await first.heardOf("hello");
  await first.heardOf("beat");
  process.kill(await workerOf(supervisor), "SIGKILL");
  const killedAt = performance.now();
  const hello = await (await server.stream(2)).heardOf("hello");
  const tookMs = performance.now() - killedAt;
  assert.ok(tookMs < 3000, `it took ${Math.round(tookMs)} ms`);
  assert.notEqual(hello.incarnation?.startId, before.incarnation?.startId);
  assert.equal(hello.incarnation?.bootId, before.incarnation?.bootId);
  assert.equal(hello.incarnation?.holdsLock, true);
  assert.equal(hello.dialNumber, 1n);
});

for (const [what, command] of [
  ["what exec started", (pidFile: string) => `echo $$ > ${pidFile}; exec sleep 60`],
  // As a daemon does: it is in no group that the agent knows.
  [
    "what exec started and has left its process group",
    (pidFile: string) => `exec setsid --wait sh -c 'echo $$ > ${pidFile}; exec sleep 60'`,
  ],
] as const) {
  test(`${what} does not outlive a killed agent`, async () => {
    enrolled();
    const pidFile = join(scratch, "lingering");
    rmSync(pidFile, { force: true });
    const lingering = join(scratch, "linger");
    writeFileSync(lingering, `#!/bin/sh\n${command(pidFile)}\n`, { mode: 0o755 });
    const supervisor = agent("--allow-exec", `linger=${lingering}`);
    const stream = await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 5000 });
    stream.say(assign(1, { case: "exec", value: { name: "linger" } }, { timeoutMs: 60_000 }));
    const pid = await until("it sleeps", () => {
      const started = existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0;
      return started > 0 && readFileSync(`/proc/${started}/cmdline`, "utf8").includes("sleep\0") ? started : undefined;
    });
    process.kill(await workerOf(supervisor), "SIGKILL");
    await until(
      "it is gone",
      () => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
    );
  });
}

test("SIGTERM says goodbye and ends both processes with 0 within 2 s", async () => {
  enrolled();
  const supervisor = agent();
  const stream = await server.welcome();
  await stream.heardOf("beat");
  const worker = await workerOf(supervisor);
  supervisor.kill("SIGTERM");
  const at = performance.now();
  assert.equal(await ended(supervisor), 0);
  assert.ok(performance.now() - at < 2000);
  await stream.heardOf("goodbye");
  assert.ok(!existsSync(`/proc/${worker}`));
});

test("an agent whose supervisor was killed stops by itself", async () => {
  enrolled();
  const supervisor = agent();
  const stream = await server.welcome();
  await stream.heardOf("beat");
  const worker = await workerOf(supervisor);
  supervisor.kill("SIGKILL");
  await stream.heardOf("goodbye");
  await until("it is gone", () => !existsSync(`/proc/${worker}`));
});

test("a second agent on the same state directory says so and exits with 2", async () => {
  enrolled();
  agent();
  await (await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 2000 })).heardOf("beat");
  assert.equal(await ended(agent()), 2);
  assert.equal(server.streams.length, 1);
});

test("a copy of the state directory runs no second agent of the machine", async () => {
  enrolled();
  agent();
  await (await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 2000 })).heardOf("beat");
  const copy = join(scratch, "copy");
  cpSync(stateDir, copy, { recursive: true });
  const where = ["run", "--server", server.url, "--state", copy, "--simulated"];
  const { status, stderr } = spawnSync(process.execPath, [program, ...where], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /another agent of this machine/);
  assert.equal(server.streams.length, 1);
});

test("wrong settings are one clear line and exit 2", () => {
  enrolled();
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/unknown command/, "walk"],
    [/--server <url>/, "run", "--state", stateDir],
    [/enrol this machine first/, "run", "--server", "http://127.0.0.1:1", "--state", join(scratch, "nobody")],
    [/TLS/, "run", "--server", "http://10.0.0.1:1", "--state", stateDir],
    [/whole path/, "run", "--server", "http://127.0.0.1:1", "--state", stateDir, "--allow-exec", "x=y"],
    [/NAME@VERSION/, "run", "--server", server.url, "--state", stateDir, "--application", "editor@1@2"],
    [/--bogus/, "run", "--server", server.url, "--state", stateDir, "--bogus"],
    [/--token-file/, "enrol", "--server", server.url, "--state", stateDir, "--name", "n", "--token-file", "/none"],
  ];
  for (const [says, ...args] of wrong) {
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", timeout: 10_000 });
    const lines = stderr.split("\n").filter((line) => line.startsWith("agent:"));
    assert.equal(status, 2, args.join(" "));
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0] ?? "", says);
  }
});

test("--help after a command tells its options in 80 columns and is no mistake", () => {
  for (const [says, ...args] of [
    [/doctor/, "--help"],
    [/--allow-exec/, "run", "--help"],
    [/--token-file/, "enrol", "--help"],
    [/--log-json/, "run", "-h"],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.match(stdout, says);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  }
});

test("enrolment keeps the key where only the agent's user can read it", async () => {
  const enrolling = (token: string) => {
    const args = ["enrol", "--server", server.url, "--state", stateDir, "--name", "vm-1", "--token-file", "-"];
    const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "ignore", "ignore"] });
    child.stdin?.end(`${token}\n`);
    return ended(child);
  };
  assert.equal(await enrolling("spent-token-00000000"), 2);
  assert.deepEqual(readdirSync(stateDir), []);
  assert.equal(await enrolling("good-token-000000000"), 0);
  assert.deepEqual(readdirSync(stateDir), ["identity.json"]);
  const file = join(stateDir, "identity.json");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { machineId: MACHINE_ID, machineKey: "key-1" });
  assert.equal(server.enrolments.at(-1)?.name, "vm-1");
  assert.equal(await enrolling("good-token-000000000"), 2, "an enrolled machine is not enrolled again");
});

test("a state directory that could not keep the key is refused before the token is spent", async () => {
  const file = join(scratch, "a-file");
  writeFileSync(file, "");
  for (const [dir, says] of [
    [file, /a-file cannot keep this machine's identity: EEXIST/],
    [join(file, "below"), /below cannot keep this machine's identity: /],
    ["/proc/drover", /\/proc\/drover cannot keep this machine's identity: ENOENT/],
    ["", /--state wants a directory/],
  ] as const) {
    const args = ["enrol", "--server", server.url, "--state", dir, "--name", "vm-1", "--token-file", "-"];
    const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "ignore", "pipe"], timeout: 10_000 });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.stdin.end("good-token-000000000\n");
    assert.equal(await new Promise((resolve) => child.once("close", resolve)), 2, said);
    assert.equal(said.match(/^agent: .*$/gm)?.length, 1, said);
    assert.match(said, says);
  }
  assert.deepEqual(server.enrolments, []);
});

test("a reader that goes away ends a command without a word", async () => {
  const child = spawn(process.execPath, [program, "doctor", "--display", ":64999"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  assert.equal(await new Promise((resolve) => child.once("close", resolve)), 1);
  assert.equal(errors, "");
});
