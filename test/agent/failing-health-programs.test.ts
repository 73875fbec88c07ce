// The agent's process beside programs of health screenshots that begin to fail: it lives, and takes its pictures itself.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { saveIdentity } from "../../agent/identity.ts";
import { FakeServer, MACHINE_ID } from "../support/fake-server.ts";
import { type BareDisplay, fromSource, scratch, startBareDisplay } from "./doctor/machines.ts";

let bare: BareDisplay;
let server: FakeServer;
before(async () => {
  [bare, server] = await Promise.all([startBareDisplay(), FakeServer.start()]);
});
after(async () => {
  server.stop();
  await bare.stop();
});

test("an agent whose xrandr begins to fail stays attached, and goes on sending health screenshots", async () => {
  const [folder, stateDir] = [join(scratch, "programs"), join(scratch, "state")];
  mkdirSync(folder);
  const real = (name: string) => spawnSync("which", [name], { encoding: "utf8" }).stdout.trim();
  symlinkSync(real("import"), join(folder, "import"));
  const xrandr = (does: string) => {
    const made = join(folder, "made");
    writeFileSync(made, `#!/bin/sh\n${does}\n`);
    chmodSync(made, 0o755);
    renameSync(made, join(folder, "xrandr"));
  };
  xrandr(`exec ${real("xrandr")} "$@"`);
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "key-1" });
  const [program, ...args] = fromSource;
  const where = ["run", "--server", server.url, "--state", stateDir, "--display", bare.display, "--unsupervised"];
  const agent = spawn(program, [...args, ...where], { env: { ...process.env, PATH: folder }, stdio: "ignore" });
  const ended = new Promise((resolve) => agent.once("exit", resolve));
  try {
    const stream = await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 5000, healthIntervalMs: 100 });
    assert.equal((await stream.heardOf("hello")).inventory?.capture, "screenshot-desktop");
    await stream.heardOf("artifactChunk");
    for (const broken of ["exit 1", "echo 'HDMI-1 disconnected (normal left inverted)'"]) {
      xrandr(broken);
      const shots = stream.all("artifactChunk").length;
      await stream.heardOf("artifactChunk", shots + 4);
    }
    assert.equal(agent.exitCode, null);
    assert.equal(server.streams.length, 1);
  } finally {
    agent.kill("SIGTERM");
    await ended;
  }
});
