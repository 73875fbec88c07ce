// The doctor and its neighbours in the executables: the one for Linux on a broken desktop, the one for Windows on a Wine
// desktop that is well. Wine's scheduler takes the task, and does not start it: the test starts what the task says.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { WineSession } from "../../../agent/desktop/wine-session.ts";
import { builtAgent } from "../../support/built-agent.ts";
import { FakeServer } from "../../support/fake-server.ts";
import { startTestWine, startUnderWine } from "../../support/wine.ts";
import { until } from "../desktop/until.ts";
import { diagnosisIn, doctor, startBareDisplay } from "./machines.ts";

let session: WineSession;
let server: FakeServer;
let executable: string;
before(async () => {
  ({ path: executable } = await builtAgent("win32-x64"));
  [session, server] = await Promise.all([startTestWine(), FakeServer.start()]);
});
after(async () => {
  server.stop();
  await session.stop();
});

const WITHIN_MS = 60_000;
const stateDir = "C:\\Program Data\\drover";
const onC = (...path: string[]) => join(session.prefix, "drive_c", ...path);

/** Runs a command of the agent under Wine to its end. */
async function agent(...args: string[]): Promise<{ status: number | null; text: string }> {
  const started = startUnderWine(session, executable, args);
  const kill = () => process.kill(started.pid, "SIGKILL");
  const late = AbortSignal.timeout(WITHIN_MS);
  late.addEventListener("abort", kill);
  const status = await started.ended;
  late.removeEventListener("abort", kill);
  return { status, text: started.output() };
}

test("the Linux executable names the missing window manager of a bare display", async () => {
  const { path } = await builtAgent("linux-x64");
  const bare = await startBareDisplay();
  try {
    const { status, of } = await doctor(["--display", bare.display], {}, [path]);
    assert.equal(status, 1);
    assert.equal(of("window-manager").is, "fault");
    assert.deepEqual([of("capture").is, of("health-shot").is, of("reading").is], ["ok", "ok", "ok"]);
  } finally {
    await bare.stop();
  }
});

test("on a Windows desktop that is well the doctor finds no fault, and tells no title", async () => {
  writeFileSync(onC("patient-4711.txt"), "\ufeffhello\r\n");
  writeFileSync(onC("token"), "good-token-000000000");
  const where = ["--server", server.url, "--state", stateDir];
  assert.equal((await agent("enrol", ...where, "--name", "vm-1", "--token-file", "C:\\token")).status, 0);
  startUnderWine(session, "notepad.exe", ["C:\\patient-4711.txt"]);
  const diagnosis = await until("Notepad is listed", async () => {
    const { status, text } = await agent("doctor", "--json", ...where);
    const found = diagnosisIn(status, text);
    return found.of("windows").found.includes("notepad.exe") && found;
  });
  const { status, of, text, findings } = diagnosis;
  assert.equal(status, 0, text);
  assert.deepEqual(
    findings.filter(({ is }) => is === "fault" || is === "skipped"),
    [],
  );
  assert.match(of("session").found, /the console, session 1/);
  assert.match(of("surface").found, /1280 x 800/);
  assert.match(of("capture").found, /by GDI BitBlt/);
  // There is no .NET in Wine, which screenshot-desktop needs.
  assert.match(of("health-shot").found, /by gdi/);
  assert.equal(of("windows").found, "1 listed, active: notepad.exe");
  assert.match(of("identity").found, /protected by Windows/);
  assert.doesNotMatch(text, /patient|key-1/);
});

test("a wrong server and a missing state directory are faults there too", async () => {
  const { status, text } = await agent("doctor", "--json", "--server", "http://127.0.0.1:1", "--state", "C:\\nowhere");
  const { of } = diagnosisIn(status, text);
  assert.equal(status, 1);
  assert.match(of("server").found, /nothing listens/);
  assert.match(of("state").found, /C:\\nowhere does not exist/);
});

test("capture writes a PNG of the Windows desktop", async () => {
  const { status, text } = await agent("capture", "--out", "C:\\shot.png");
  assert.equal(status, 0, text);
  assert.match(text, /1280 x 800, \d+ bytes, by gdi in \d+ ms/);
  assert.equal(readFileSync(onC("shot.png")).readUInt32BE(16), 1280);
});

test("install makes a task, what the task says attaches without a console, and uninstall takes the task away", async () => {
  const task = onC("windows/system32/tasks/drover-agent");
  const where = ["--server", server.url, "--state", stateDir, "--application", "notepad"];
  for (const time of ["first", "second"]) {
    const made = await agent("install", ...where);
    assert.equal(made.status, 0, `${time}: ${made.text}`);
  }
  // Wine keeps of a task what it understands, in its own words: the settings, without who and what.
  const kept = readFileSync(task, "utf8");
  for (const setting of ["<ExecutionTimeLimit>PT0S<", "<Priority>5<", "<StopIfGoingOnBatteries>false<"]) {
    assert.ok(kept.includes(setting), kept);
  }
  const [, said = ""] = /<Arguments>(.*)<\/Arguments>/.exec((await agent("install", "--print", ...where)).text) ?? [];
  const words: readonly string[] = said.replaceAll("&quot;", '"').match(/"[^"]*"|\S+/g) ?? [];
  assert.ok(words.includes("--background"));
  const started = startUnderWine(
    session,
    executable,
    words.map((word) => word.replaceAll('"', "")),
  );
  const stream = await server.welcome(1, { beatIntervalMs: 1000, stopAfterMs: 4000 });
  await stream.heardOf("beat");
  const log = onC("Program Data/drover/agent.log");
  await until("the log is in the file", () => existsSync(log) && readFileSync(log, "utf8").includes("attached"));
  assert.equal(started.output(), "");
  const { of } = diagnosisIn(0, (await agent("doctor", "--json", "--state", stateDir)).text);
  assert.match(of("agent").found, /running now/);
  assert.equal(stream.closed, false);

  assert.equal((await agent("uninstall")).status, 0);
  assert.equal(existsSync(task), false);
});
