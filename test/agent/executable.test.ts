// The agent as one file: the Linux executable as a program, and what is inside it.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { builtAgent } from "../support/built-agent.ts";
import { FakeServer } from "../support/fake-server.ts";
import { reportAll, startHere, testInExecutable } from "../support/in-executable.ts";
import { drawWords } from "../support/picture-with-words.ts";
import { until } from "./desktop/until.ts";

const scratch = mkdtempSync(join(tmpdir(), "drover-executable-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const version = "7.8.9-test";
let executable: string;
let server: FakeServer | undefined;
let started: ChildProcess[] = [];
let caches = 0;

before(async () => {
  executable = (await builtAgent("linux-x64", { version, releaseKey: privateKey })).path;
});

afterEach(async () => {
  for (const child of started) child.kill("SIGTERM");
  await Promise.all(started.map(ended));
  started = [];
  server?.stop();
});

const ended = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(undefined);
    else child.once("exit", resolve);
  });

/** A folder for what the executable takes out of itself. */
const freshCache = (): string => join(scratch, `cache-${++caches}`);

function run(args: readonly string[], cache = freshCache()) {
  const env = { PATH: process.env["PATH"], HOME: scratch, XDG_CACHE_HOME: cache };
  return spawnSync(executable, args, { encoding: "utf8", env, cwd: "/" });
}

test("without a folder to load its native part from it says why, and what to do", () => {
  const taken = freshCache();
  writeFileSync(taken, "");
  const { status, stderr } = run(["--version"], taken);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^agent: the native addon cannot be loaded \(.*\): let XDG_CACHE_HOME name a folder of this user.*\n$/,
  );
});

test("it tells its version and its usage, and a wrong setting in one line", () => {
  assert.deepEqual([run(["--version"]).stdout, run(["--version"]).status], [`${version}\n`, 0]);
  const help = run(["--help"]);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /run/);
  const wrong = run(["run", "--server", "http://127.0.0.1:1", "--state", join(scratch, "none")]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^agent: .*enrol this machine first\n$/);
});

test("it enrols, attaches under its supervisor, and is back within 3 s when it is killed", async () => {
  server = await FakeServer.start();
  const where = ["--server", server.url, "--state", join(scratch, "state")];
  const token = join(scratch, "token");
  writeFileSync(token, "good-token-000000000\n");
  const options = { stdio: "ignore", env: { ...process.env, XDG_CACHE_HOME: freshCache() } } as const;
  const enrolling = spawn(executable, ["enrol", ...where, "--name", "vm-1", "--token-file", token], options);
  await ended(enrolling);
  assert.equal(enrolling.exitCode, 0);
  const supervisor = spawn(executable, ["run", ...where, "--simulated", "--log-json"], options);
  started.push(supervisor);
  const stream = await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 2000 });
  const hello = await stream.heardOf("hello");
  assert.equal(hello.agentVersion, version);
  const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, "utf8");
  process.kill(Number(children.trim().split(" ")[0]), "SIGKILL");
  const killedAt = performance.now();
  const again = await (await server.stream(2)).heardOf("hello");
  assert.ok(performance.now() - killedAt < 3000);
  assert.notEqual(again.incarnation?.startId, hello.incarnation?.startId);
});

test("what is inside works: label, addon, text reader", async (t) => {
  const picture = join(scratch, "words.png");
  drawWords(picture);
  const key = publicKey.export({ type: "spki", format: "der" });
  const told = {
    DROVER_TEST_VERSION: version,
    DROVER_TEST_PICTURE: picture,
    DROVER_TEST_KEY: key.toString("base64"),
  };
  const inner = await testInExecutable("test/agent/executable-inside.ts", (env) =>
    startHere(executable, { ...told, ...env }),
  );
  await reportAll(t, inner);
});

/** The addon's folder below a cache, and its path. */
function addonIn(cache: string): { folder: string; file: string } {
  const home = join(cache, "drover-agent");
  const folder = join(home, readdirSync(home)[0] ?? assert.fail("nothing was taken out"));
  return { folder, file: join(folder, "koffi.node") };
}

test("an addon that somebody else has put in its place is not loaded, but replaced", () => {
  const cache = freshCache();
  assert.equal(run(["--version"], cache).status, 0);
  const { folder, file } = addonIn(cache);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const content = readFileSync(file);
  for (const bad of [Buffer.from(content).fill(0, 5000, 6000), Buffer.alloc(0)]) {
    writeFileSync(file, bad);
    assert.equal(run(["--version"], cache).status, 0);
    assert.ok(readFileSync(file).equals(content));
  }
});

test("nothing is loaded from a folder that others can write to", () => {
  const cache = freshCache();
  run(["--version"], cache);
  const { folder } = addonIn(cache);
  chmodSync(folder, 0o777);
  const refused = run(["--version"], cache);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /can be written to by other users/);
});

test("several that start at once all start", async () => {
  const cache = freshCache();
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  const all = Array.from({ length: 4 }, () => spawn(executable, ["--version"], { stdio: "ignore", env }));
  await until("all have ended", () => all.every((child) => child.exitCode !== null));
  assert.deepEqual(
    all.map((child) => child.exitCode),
    [0, 0, 0, 0],
  );
  assert.deepEqual(readdirSync(addonIn(cache).folder), ["koffi.node"]);
});
