// The agent's executable replaced by another version of itself: real executables and real processes, a fake control plane.
// The bad releases are small programs, signed with the right key: that a release is signed says nothing of its quality.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { saveIdentity } from "../../../agent/identity.ts";
import { loadRecord } from "../../../agent/update/release-record.ts";
import { releasePath } from "../../../agent/update/releases-on-disk.ts";
import { ReleaseFault, ReleaseState, type WantedRelease } from "../../../proto/gen/drover/agent/v1/channel_pb.ts";
import { assign } from "../../support/agent-rig.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { FakeServer, type FakeStream, MACHINE_ID } from "../../support/fake-server.ts";
import { releaseKey, wantedRelease } from "../../support/made-release.ts";
import { until } from "../desktop/until.ts";

const scratch = mkdtempSync(join(tmpdir(), "drover-replaced-"));
const stateDir = join(scratch, "state");
let server: FakeServer;
let installed: string;
let second: Buffer;
let supervisor: ChildProcess;

before(async () => {
  server = await FakeServer.start();
  installed = (await builtAgent("linux-x64", { version: "1.0.0", releaseKey })).path;
  second = readFileSync((await builtAgent("linux-x64", { version: "2.0.0", releaseKey })).path);
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "key-1" });
  startAgent();
});

after(() => {
  killAgent();
  server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function startAgent(): void {
  const env = { PATH: process.env["PATH"], HOME: scratch };
  const args = ["run", "--server", server.url, "--state", stateDir, "--simulated", "--log-json"];
  supervisor = spawn(installed, args, { env, stdio: "ignore", detached: true });
}

/** Supervisor and agent at once. */
function killAgent(): void {
  try {
    process.kill(-(supervisor.pid ?? 0), "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/** Waits for the `count`-th stream, which says that it is of this version, and lets it serve. */
async function attached(count: number, version: string): Promise<FakeStream> {
  const stream = await server.welcome(count, { beatIntervalMs: 500, stopAfterMs: 5000 });
  assert.equal((await stream.heardOf("hello")).agentVersion, version);
  await stream.heardOf("beat");
  return stream;
}

async function reportOf(stream: FakeStream, value: WantedRelease) {
  const told = stream.all("releaseReport").length;
  stream.say({ case: "wantedRelease", value });
  const { state, fault } = await stream.heardOf("releaseReport", told + 1);
  return { state, fault };
}

const prepared = { state: ReleaseState.PREPARED, fault: ReleaseFault.UNSPECIFIED };

/** Has a release of these bytes prepared and granted; resolves when the agent has said goodbye. */
async function grant(stream: FakeStream, version: string, bytes: Buffer): Promise<void> {
  server.releases.set(version, bytes);
  assert.deepEqual(await reportOf(stream, wantedRelease(version, bytes)), prepared);
  stream.say({ case: "releaseGrant", value: { version } });
  await stream.heardOf("goodbye");
}

test("an executable is replaced by its successor when it is idle, and not while an attempt is assigned", async () => {
  const stream = await attached(1, "1.0.0");
  assert.equal((await stream.heardOf("hello")).inventory?.executable, "linux-x64");
  const { privateKey } = generateKeyPairSync("ed25519");
  server.releases.set("2.0.0", second);
  assert.deepEqual(await reportOf(stream, wantedRelease("2.0.0", second, { key: privateKey })), {
    state: ReleaseState.FAILED,
    fault: ReleaseFault.SIGNATURE,
  });
  assert.deepEqual(await reportOf(stream, wantedRelease("2.0.0", second)), prepared);
  stream.say(assign(1, { case: "screenshot", value: {} }));
  await stream.result(1);
  stream.say({ case: "releaseGrant", value: { version: "2.0.0" } });
  await stream.heardOf("beat", stream.all("beat").length + 2);
  assert.equal(stream.all("goodbye").length, 0);
  stream.say({ case: "assignment", value: { epoch: 2n } });
  await stream.heardOf("goodbye");
  const before = await stream.heardOf("hello");
  const hello = await (await attached(2, "2.0.0")).heardOf("hello");
  assert.notEqual(hello.incarnation?.startId, before.incarnation?.startId);
  assert.equal(hello.incarnation?.holdsLock, true);
  await until("it is settled on", () => loadRecord(stateDir).is === "settled");
});

test("a successor that does not work is followed by the program before it, which tells of it", async () => {
  const stream = await server.stream(2);
  await grant(stream, "3.0.0", Buffer.from("#!/bin/sh\nexit 1\n"));
  const { failedRelease } = await (await attached(3, "2.0.0")).heardOf("hello");
  const { version, state, fault } = failedRelease ?? {};
  assert.deepEqual([version, state, fault], ["3.0.0", ReleaseState.FAILED, ReleaseFault.NOT_ATTACHED]);
});

test("a killed supervisor comes back with the release that works, and a damaged release with the installed program", async () => {
  killAgent();
  startAgent();
  await attached(4, "2.0.0");
  killAgent();
  rmSync(releasePath(stateDir, "2.0.0"));
  startAgent();
  await attached(5, "1.0.0");
});
