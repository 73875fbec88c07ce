// Releases under a supervisor: real processes, which are small programs here that behave like good and bad releases.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { silentLog } from "../../../agent/log.ts";
import { type Supervisor, superviseAgent } from "../../../agent/supervisor.ts";
import { EXIT_LOCKED, EXIT_REPLACE, EXIT_STOPPED } from "../../../agent/update/news.ts";
import type { Release } from "../../../agent/update/release.ts";
import { loadRecord } from "../../../agent/update/release-record.ts";
import { releasePath } from "../../../agent/update/releases-on-disk.ts";
import { Succession } from "../../../agent/update/succession.ts";
import { until } from "../desktop/until.ts";

let stateDir: string;
let supervisors: Supervisor[] = [];
let processes: ChildProcess[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "drover-supervised-"));
});

afterEach(async () => {
  for (const supervisor of supervisors) supervisor.signal("SIGTERM");
  await Promise.all(supervisors.map(({ done }) => done));
  for (const { pid } of processes) {
    // With what it started: each is the leader of a group of its own.
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  }
  supervisors = [];
  processes = [];
  rmSync(stateDir, { recursive: true, force: true });
});

/** What a program does after it has said in the journal that it runs. */
const attaches = "process.send({ release: 'attached' }); stay();";
const neverAttaches = "stay();";
const ends = (status: number) => `process.exit(${status});`;
const asksFor = (candidate: Release) => `
  process.send({ release: 'attached' });
  if (starts('${candidate.version}') > 0) stay();
  else process.send({ release: 'try', candidate: ${JSON.stringify(candidate)} }, () => process.exit(${EXIT_REPLACE}));`;

function source(name: string, does: string): string {
  return `#!${process.execPath}
    const { appendFileSync, readFileSync } = require("node:fs");
    const journal = ${JSON.stringify(join(stateDir, "journal"))};
    appendFileSync(journal, "${name} " + process.pid + "\\n");
    const starts = (version) => readFileSync(journal, "utf8").split("\\n").filter((l) => l.startsWith(version + " ")).length;
    const stay = () => setInterval(() => {}, 1000);
    process.on("SIGTERM", () => process.exit(${EXIT_STOPPED}));
    process.on("disconnect", () => process.exit(0));
    ${does}`;
}

function placed(version: string, does: string, bytes = Buffer.from(source(version, does))): Release {
  const path = releasePath(stateDir, version);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes, { mode: 0o700 });
  return { version, sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function installed(does: string): string {
  const path = join(stateDir, "installed");
  writeFileSync(path, source("installed", does), { mode: 0o700 });
  return path;
}

function supervise(program: string, trialMs = 10_000, firstDelayMs = 5): Supervisor {
  const succession = new Succession({ stateDir, installedVersion: "1.0.0", log: silentLog, trialMs });
  const supervisor = superviseAgent({
    command: [program],
    log: silentLog,
    succession,
    firstDelayMs,
    longestDelayMs: firstDelayMs + 10_000,
  });
  supervisors.push(supervisor);
  return supervisor;
}

function journal(): { version: string; pid: number }[] {
  const lines = readFileSync(join(stateDir, "journal"), { encoding: "utf8", flag: "a+" }).split("\n").filter(Boolean);
  return lines.map((line) => {
    const [version = "", pid] = line.split(" ");
    return { version, pid: Number(pid) };
  });
}

const startsUntil = (...versions: string[]) =>
  until(`${versions} were started`, () => {
    const started = journal().map(({ version }) => version);
    return `${started}` === `${versions}`;
  });
const settledOn = (version: string) =>
  until(`${version} is settled on`, () => {
    const record = loadRecord(stateDir);
    if (record.is === "trying") return false;
    return version === (record.current.is === "release" ? record.current.release.version : "installed");
  });
const failedRelease = () => {
  const record = loadRecord(stateDir);
  return record.is === "settled" ? record.failed : undefined;
};

test("an agent that asks to be replaced comes back as the release, which stays", async () => {
  const program = installed(asksFor(placed("2.0.0", attaches)));
  supervise(program);
  await startsUntil("installed", "2.0.0");
  await settledOn("2.0.0");
  assert.equal(failedRelease(), undefined);
});

test("a release takes its turn at once, however long an agent that died would wait", async () => {
  supervise(installed(asksFor(placed("2.0.0", attaches))), 10_000, 3_600_000);
  await startsUntil("installed", "2.0.0");
});

for (const [what, does] of [
  ["ends at once with 0", ends(0)],
  ["refuses its settings", ends(2)],
  ["crashes", ends(1)],
  ["cannot be replaced by another one before it has attached", ends(EXIT_REPLACE)],
] as const) {
  test(`a release that ${what} is started twice, and then the one before it comes back`, async () => {
    supervise(installed(asksFor(placed("2.0.0", does))));
    await startsUntil("installed", "2.0.0", "2.0.0", "installed");
    assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
  });
}

test("a release that does not attach in time is ended, and the one before it comes back", async () => {
  supervise(installed(asksFor(placed("2.0.0", neverAttaches))), 300);
  await startsUntil("installed", "2.0.0", "installed");
  assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
  assert.throws(() => process.kill(journal()[1]?.pid ?? 0, 0), "it is not left behind");
});

test("a release that leaves a process with its channel behind is given up like any other", async () => {
  // Of a shell's children each has the shell's descriptors; Node's own would not have that one.
  const program = `#!/bin/sh
    echo "2.0.0 $$" >> '${join(stateDir, "journal")}'
    trap '' TERM
    sleep 400 >/dev/null 2>&1 &
    echo $! >> '${join(stateDir, "left")}'
    exit 1`;
  const candidate = placed("2.0.0", "", Buffer.from(program));
  supervise(installed(asksFor(candidate)));
  await startsUntil("installed", "2.0.0", "2.0.0", "installed");
  for (const pid of readFileSync(join(stateDir, "left"), "utf8").split("\n").filter(Boolean))
    process.kill(Number(pid), "SIGKILL");
  assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
});

for (const [what, bytes] of [
  ["that is no program", () => "\0no program"],
  ["that the system refuses to start", selfReferring],
] as const) {
  test(`a file ${what} is given up`, async () => {
    const candidate = placed("2.0.0", attaches, Buffer.from(bytes()));
    supervise(
      installed(`if (starts("installed") > 1) { ${attaches} }
      else process.send({ release: "try", candidate: ${JSON.stringify(candidate)} }, () => process.exit(${EXIT_REPLACE}));`),
    );
    await startsUntil("installed", "installed");
    assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
  });
}

/** A program whose interpreter is a link to itself: Node throws what it otherwise tells by an event. */
function selfReferring(): string {
  const link = join(stateDir, "link");
  symlinkSync(link, link);
  return `#!${link}\n`;
}

test("a release that has attached may end like any other agent", async () => {
  const supervisor = supervise(installed(asksFor(placed("2.0.0", attaches))));
  await startsUntil("installed", "2.0.0");
  await settledOn("2.0.0");
  process.kill(supervisor.pid ?? 0, "SIGTERM");
  assert.equal(await supervisor.done, 0);
});

test("a release that attaches and dies soon, three times, is followed by the one before it", async () => {
  supervise(installed(asksFor(placed("2.0.0", "process.send({ release: 'attached' }, () => process.exit(1));"))));
  await startsUntil("installed", "2.0.0", "2.0.0", "2.0.0", "installed");
  assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
});

test("a release on trial can be stopped, and is on trial again at the next start", async () => {
  const program = installed(asksFor(placed("2.0.0", neverAttaches)));
  const supervisor = supervise(program);
  await startsUntil("installed", "2.0.0");
  supervisor.signal("SIGTERM");
  assert.equal(await supervisor.done, 0);
  supervise(program, 300);
  await startsUntil("installed", "2.0.0", "2.0.0", "installed");
});

test("a second agent on a machine says nothing against the release that it is", async () => {
  const supervisor = supervise(installed(asksFor(placed("2.0.0", ends(EXIT_LOCKED)))));
  assert.equal(await supervisor.done, 2);
  assert.equal(failedRelease(), undefined);
});

const program = join(import.meta.dirname, "../../support/release-supervisor.ts");

function supervisorProcess(installedProgram: string): ChildProcess {
  const args = ["--disable-warning=ExperimentalWarning", program, stateDir, installedProgram];
  const child = spawn(process.execPath, args, { stdio: "ignore", detached: true });
  processes.push(child);
  return child;
}

const gone = (pid: number) =>
  until(`${pid} is gone`, () => {
    try {
      return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return true;
    }
  });

for (const [what, kill] of [
  ["the supervisor is", (supervisor: number, _agent: number) => process.kill(supervisor, "SIGKILL")],
  ["the agent process is", (_supervisor: number, agent: number) => process.kill(agent, "SIGKILL")],
  ["both are", (supervisor: number, _agent: number) => process.kill(-supervisor, "SIGKILL")],
] as const) {
  test(`when ${what} killed during a trial, the release is started once more and stays if it attaches`, async () => {
    const does = "if (starts('2.0.0') === 1) stay(); else { process.send({ release: 'attached' }); stay(); }";
    const installedProgram = installed(asksFor(placed("2.0.0", does)));
    const supervisor = supervisorProcess(installedProgram);
    await startsUntil("installed", "2.0.0");
    kill(supervisor.pid ?? 0, journal()[1]?.pid ?? 0);
    await gone(journal()[1]?.pid ?? 0);
    if (what !== "the agent process is") supervisorProcess(installedProgram);
    await startsUntil("installed", "2.0.0", "2.0.0");
    await settledOn("2.0.0");
  });
}

test("when both are killed again and again during a trial, the program before it comes back", async () => {
  const installedProgram = installed(asksFor(placed("2.0.0", neverAttaches)));
  const starts = ["installed", "2.0.0", "2.0.0", "installed"];
  let supervisor = supervisorProcess(installedProgram);
  for (const count of [2, 3]) {
    await startsUntil(...starts.slice(0, count));
    process.kill(-(supervisor.pid ?? 0), "SIGKILL");
    await gone(journal()[count - 1]?.pid ?? 0);
    supervisor = supervisorProcess(installedProgram);
  }
  await startsUntil(...starts);
  assert.deepEqual(failedRelease(), { version: "2.0.0", fault: "NOT_ATTACHED" });
});
