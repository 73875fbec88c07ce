// The executable for Windows replaced by another version of itself, under Wine; and a release that lives and never attaches,
// for as long as the product gives it.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { winePath } from "../../../agent/desktop/wine-session.ts";
import { saveIdentity } from "../../../agent/identity.ts";
import { ReleaseFault, ReleaseState } from "../../../proto/gen/drover/agent/v1/channel_pb.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { FakeServer, type FakeStream, MACHINE_ID } from "../../support/fake-server.ts";
import { releaseKey, wantedRelease } from "../../support/made-release.ts";
import { startTestWine, startUnderWine } from "../../support/wine.ts";
import { until } from "../desktop/until.ts";

type Platform = "linux-x64" | "win32-x64";

/** A control plane with these releases, and a folder. */
async function begin(t: TestContext) {
  const server = await FakeServer.start();
  const scratch = mkdtempSync(join(tmpdir(), "drover-replaced-"));
  t.after(() => {
    server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });
  return { server, scratch, stateDir: join(scratch, "state") };
}

async function attached(server: FakeServer, count: number, version: string): Promise<FakeStream> {
  await until(`stream ${count}`, () => server.streams[count - 1], 120_000);
  const stream = await server.welcome(count, { beatIntervalMs: 1000, stopAfterMs: 5000 });
  assert.equal((await stream.heardOf("hello")).agentVersion, version);
  await stream.heardOf("beat");
  return stream;
}

async function grant(server: FakeServer, stream: FakeStream, version: string, bytes: Buffer, executable: Platform) {
  server.releases.set(version, bytes);
  stream.say({ case: "wantedRelease", value: wantedRelease(version, bytes, { executable }) });
  const count = stream.all("releaseReport").length + 1;
  await until("a report", () => stream.all("releaseReport").length >= count, 60_000);
  assert.equal((await stream.heardOf("releaseReport", count)).state, ReleaseState.PREPARED);
  stream.say({ case: "releaseGrant", value: { version } });
  await stream.heardOf("goodbye");
}

async function assertGivenUp(stream: FakeStream, version: string): Promise<void> {
  const { failedRelease } = await stream.heardOf("hello");
  assert.equal(failedRelease?.version, version);
  assert.equal(failedRelease?.fault, ReleaseFault.NOT_ATTACHED);
}

test("under Wine the executable for Windows is replaced, and comes back from a release that does not start", async (t) => {
  const { server, scratch, stateDir } = await begin(t);
  const installed = (await builtAgent("win32-x64", { version: "1.0.0", releaseKey })).path;
  const second = readFileSync((await builtAgent("win32-x64", { version: "2.0.0", releaseKey })).path);
  const session = await startTestWine();
  t.after(() => session.stop());
  const where = ["--server", server.url, "--state", winePath(stateDir)];
  const token = join(scratch, "token");
  writeFileSync(token, "good-token-000000000\n");
  const enrolling = startUnderWine(session, installed, [
    ...["enrol", ...where, "--name", "vm-1", "--token-file", winePath(token)],
  ]);
  assert.equal(await enrolling.ended, 0, enrolling.output());
  const start = () => startUnderWine(session, installed, ["run", ...where, "--simulated", "--log-json"]);
  let supervisor = start();

  const first = await attached(server, 1, "1.0.0");
  assert.equal((await first.heardOf("hello")).inventory?.executable, "win32-x64");
  await grant(server, first, "2.0.0", second, "win32-x64");
  const replaced = await attached(server, 2, "2.0.0");
  await grant(server, replaced, "3.0.0", Buffer.from("no program"), "win32-x64");
  await assertGivenUp(await attached(server, 3, "2.0.0"), "3.0.0");

  process.kill(supervisor.pid, "SIGKILL");
  await until("the agent has stopped with its supervisor", () => server.streams[2]?.closed);
  supervisor = start();
  await attached(server, 4, "2.0.0");
});

test("a release that never attaches is ended after a minute, and the program before it comes back", async (t) => {
  const { server, scratch, stateDir } = await begin(t);
  const installed = (await builtAgent("linux-x64", { version: "1.0.0", releaseKey })).path;
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "key-1" });
  const args = ["run", "--server", server.url, "--state", stateDir, "--simulated"];
  const env = { PATH: process.env["PATH"], HOME: scratch };
  const supervisor: ChildProcess = spawn(installed, args, { env, stdio: "ignore", detached: true });
  t.after(() => process.kill(-(supervisor.pid ?? 0), "SIGKILL"));
  const first = await attached(server, 1, "1.0.0");
  await grant(server, first, "2.0.0", Buffer.from("#!/bin/sh\nexec sleep 600\n"), "linux-x64");
  const since = performance.now();
  await assertGivenUp(await attached(server, 2, "1.0.0"), "2.0.0");
  const tookMs = performance.now() - since;
  assert.ok(tookMs > 55_000 && tookMs < 75_000, `it took ${Math.round(tookMs)} ms`);
});
