// What the host does on Windows, as it runs inside drover-agent.exe (windows.test.ts says where `node.exe` and the program
// that it is to run are).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { thisHost } from "../../../agent/host/this-host.ts";
import { until } from "../desktop/until.ts";

const node = process.env["DROVER_TEST_NODE"] ?? "";
const program = process.env["DROVER_TEST_PROGRAM"] ?? "";
const scratch = mkdtempSync(join(tmpdir(), "drover-host-"));
const groups = thisHost.processGroups();
after(() => groups.endAll());

const start = (...programArguments: string[]) => groups.start(node, [program, ...programArguments]);

test("the clocks go on together and never back", async () => {
  const clock = thisHost.clock();
  const first = clock.read();
  let last = first;
  const { bootMs } = await until("the clock is 200 ms on", () => {
    const now = clock.read();
    assert.ok(now.bootMs >= last.bootMs && now.monotonicMs >= last.monotonicMs);
    last = now;
    return now.bootMs >= first.bootMs + 200 && now;
  });
  assert.ok(Math.abs(bootMs - first.bootMs - (last.monotonicMs - first.monotonicMs)) < 100);
  assert.ok(Math.abs(bootMs - first.bootMs - (last.wallMs - first.wallMs)) < 500);
});

test("the lock has one holder: of a state directory, and of a machine whatever its directory", async () => {
  const tryLock = thisHost.lock();
  const [here, copy] = [mkdtempSync(join(scratch, "state-")), mkdtempSync(join(scratch, "state-"))];
  const held = await tryLock(here, "machine-inside");
  assert.ok(held !== undefined);
  assert.equal(await tryLock(here, "machine-other"), undefined);
  assert.ok((await tryLock(copy, "machine-other")) !== undefined, "another machine's agent may run beside it");
  held.release();
  const again = await tryLock(here, "machine-inside");
  assert.ok(again !== undefined, "what was let go of can be taken");
  again.release();
  await assert.rejects(tryLock(join(scratch, "nowhere"), "machine-inside"), { code: "ENOENT" });
});

test("the boot id is the same whenever it is asked", () => {
  assert.match(thisHost.bootId(), /^[0-9a-f-]{36}$/);
  assert.equal(thisHost.bootId(), thisHost.bootId());
});

test("the key comes back as it was, is not readable in the file, and comes back from nothing else", () => {
  const { protect, reveal, field } = thisHost.keyProtection;
  const kept = protect("key-ë-1");
  assert.equal(field, "protectedMachineKey");
  assert.equal(reveal(kept), "key-ë-1");
  assert.ok(!Buffer.from(kept, "base64").includes("key-"));
  const cut = Buffer.from(kept, "base64").subarray(0, -9).toString("base64");
  for (const other of ["", "key-ë-1", Buffer.from("key-ë-1").toString("base64"), cut]) {
    assert.equal(reveal(other), undefined);
  }
});

test("exec's program gets its arguments exactly, and its output and exit code come back exactly", async () => {
  const given = ["a b", 'c"d', "e\\", "f g\\", '\\"h', "", "Zoë 漢字 😀", "&%PATH%^|<>", "tab\tx", "line\nbreak"];
  const said = await start("say", ...given);
  const [code, output] = await Promise.all([said.ended, buffer(said.stdout)]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(output.toString("utf8")), given);
});

test("nothing of a large output is lost, although its program ended at once", async () => {
  for (const bytes of [0, 1, 3_000_000]) {
    const written = await start("write", `${bytes}`);
    const [code, output] = await Promise.all([written.ended, buffer(written.stdout)]);
    assert.equal(code, 3);
    assert.equal(output.length, bytes);
    assert.ok(output.every((byte) => byte === 0x78));
  }
});

test("exec's program sees nothing of the agent's own environment", async () => {
  process.env["DROVER_SECRET_OF_AGENT"] = "1";
  const { ended, stdout } = await start("environment");
  const [, output] = await Promise.all([ended, buffer(stdout)]);
  const names = JSON.parse(output.toString("utf8")) as string[];
  assert.ok(names.some((name) => name.toUpperCase() === "SYSTEMROOT"));
  assert.deepEqual(
    names.filter((name) => name.startsWith("DROVER") || name === "NODE_OPTIONS"),
    [],
  );
});

test("ending a program ends what it started, detached as well", async () => {
  const file = join(scratch, "alive");
  const { pid, ended, stdout } = await start("parent", file);
  stdout.resume();
  await until("the grandchild writes", () => existsSync(file) && Number(readFileSync(file, "utf8")) > 2);
  const grandchild = Number(readFileSync(`${file}.pid`, "utf8"));
  groups.end(pid);
  assert.equal(await ended, undefined);
  await until("the grandchild is gone", () => !alive(grandchild));
});

test("a program that is not there is not started", async () => {
  await assert.rejects(groups.start("C:\\nowhere\\nothing.exe", []), /cannot be started/);
});

test("an agent process that is asked to stop hears it over its channel and ends in its own way", async () => {
  const agent = spawn(node, [program, "supervised"], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const ended = once(agent, "exit");
  assert.deepEqual(await once(agent, "message"), ["ready", undefined]);
  thisHost.askToStop(agent, "SIGTERM");
  assert.deepEqual(await ended, [5, null]);
  thisHost.askToStop(agent, "SIGTERM");
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
