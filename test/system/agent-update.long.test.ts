// A fleet of real executables under a real server: a version is added by the command, goes onto a canary and then onto the
// rest; a broken one, signed with the right key, falls back on its canary and is stopped there.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { describe, signed } from "../../deploy/agent-build/release.ts";
import { type DroverClient, nameOf, type Rollout, RolloutFault, RolloutState, StopReason } from "../../sdk/index.ts";
import { builtAgent } from "../support/built-agent.ts";
import { releaseKey } from "../support/made-release.ts";
import { testDatabase } from "../support/postgres.ts";
import { type Product, startProduct, until } from "../support/product.ts";

const { url: databaseUrl } = await testDatabase();
const scratch = mkdtempSync(join(tmpdir(), "drover-agent-update-"));
const names = ["vm-1", "vm-2"];
const agents: ChildProcess[] = [];
let product: Product;
let client: DroverClient;

before(async () => {
  const installed = (await builtAgent("linux-x64", { version: "1.0.0", releaseKey })).path;
  product = await startProduct({ machines: 0, applications: [], databaseUrl });
  client = product.client();
  const env = { PATH: process.env["PATH"], HOME: scratch };
  const tokenFile = join(scratch, "token");
  writeFileSync(tokenFile, (await client.createToken({ uses: names.length })).secret, { mode: 0o600 });
  for (const name of names) {
    const where = ["--server", product.server.agentUrl, "--state", join(scratch, name)];
    await promisify(execFile)(installed, ["enrol", ...where, "--token-file", tokenFile, "--name", name], { env });
    agents.push(spawn(installed, ["run", ...where, "--simulated"], { env, stdio: "ignore", detached: true }));
  }
  for (const name of names) await until(`${name} is idle`, async () => (await client.machine(name)).status === 1);
});

after(async () => {
  for (const { pid } of agents) if (pid !== undefined) process.kill(-pid, "SIGKILL");
  await product?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const reached = (state: RolloutState): Promise<Rollout> =>
  until(
    `the rollout is ${nameOf(RolloutState, state)}`,
    async () => {
      const rollout = await client.rollout();
      return rollout.state === state ? rollout : undefined;
    },
    90_000,
  );

const versions = () => Promise.all(names.map(async (name) => (await client.machine(name)).agentVersion));

test("a version is uploaded by the command, runs on the canary, and then on all machines", async () => {
  const { path, release } = await builtAgent("linux-x64", { version: "2.0.0", releaseKey });
  const file = join(scratch, "drover-agent");
  linkSync(path, file);
  writeFileSync(`${file}.release.json`, JSON.stringify(release));
  const env = { ...process.env, DROVER_SERVER: product.server.apiUrl, DROVER_KEY: product.server.adminKey() };
  const command = ["--no-warnings", "drover.ts", "release", "add", file];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  assert.equal(stdout, "release 2.0.0 for linux-x64 is complete\n");

  await client.startRollout("2.0.0", { canaries: 1, soakMs: 500 });
  const rollout = await reached(RolloutState.DONE);
  assert.deepEqual([rollout.canaries?.updated, rollout.rest?.updated], [1, 1]);
  assert.deepEqual(await versions(), ["2.0.0", "2.0.0"]);
});

test("a version that does not work is given up on its canary, and reaches nobody else", async () => {
  const broken = Buffer.from("#!/bin/sh\nexit 1\n");
  const { sha256, signature, ...made } = signed(describe(broken, "3.0.0", "linux-x64"), releaseKey);
  const wanted = { ...made, sha256: Buffer.from(sha256, "hex"), signature: Buffer.from(signature, "base64") };
  await client.addRelease(wanted, broken);
  await client.startRollout("3.0.0", { canaries: 1, soakMs: 500 });
  const { stopReason, failures, rest } = await reached(RolloutState.STOPPED);
  assert.equal(stopReason, StopReason.FAILURES);
  assert.deepEqual(
    failures.map(({ fault }) => fault),
    [RolloutFault.NOT_ATTACHED],
  );
  assert.equal(rest?.waiting, 1);
  for (const name of names) await until(`${name} is idle`, async () => (await client.machine(name)).status === 1);
  assert.deepEqual(await versions(), ["2.0.0", "2.0.0"]);
});
