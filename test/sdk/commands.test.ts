// The client commands as a shell sees them: output, exit codes, and what is said when something is wrong.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Command } from "commander";
import { addClientCommands } from "../../sdk/cli/client-commands.ts";
import { exitCodes } from "../../sdk/cli/exit-codes.ts";
import { droverAt } from "../support/drover-command.ts";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey, png } from "../support/fake-services.ts";

const folder = mkdtempSync(join(tmpdir(), "drover-commands-"));
const api = new FakeApi();
const drover = droverAt(api, folder);

before(() => api.start());
beforeEach(() => {
  api.state.runs.length = 0;
  api.state.before.clear();
});
after(async () => {
  await api.kill();
  rmSync(folder, { recursive: true });
});

test("what the server refuses is 4, with the reason, the place and the way on", async () => {
  const missing = await drover(["start", "no.such"]);
  assert.deepEqual([missing.code, missing.out], [4, ""]);
  assert.equal(missing.err, "drover: There is no workflow no.such. See what there is: drover workflows\n");
  const invalid = await drover(["start", "notes.save", "--input", "text:=7"]);
  assert.equal(invalid.code, 4);
  assert.match(invalid.err, /inputs\.text: must be a string/);
  const json = await drover(["start", "notes.save", "--input", "text:=7", "--json"]);
  assert.deepEqual(JSON.parse(json.err).error.violations, [{ field: "inputs.text", description: "must be a string" }]);
});

test("no server is 5, and names the address and the setting", async () => {
  const said = await drover(["workflows", "--server", "http://127.0.0.1:9"]);
  assert.equal(said.code, 5);
  assert.match(said.err, /^drover: Cannot reach http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.* DROVER_SERVER\.\n$/);
});

test("no key and a weak key are 6, and no key is ever printed", async () => {
  const none = await drover(["runs"], { DROVER_KEY: "" });
  assert.equal(none.code, 6);
  assert.match(none.err, /Set DROVER_KEY/);
  const wrong = await drover(["runs", "--key", "hunter2"]);
  assert.equal(wrong.code, 6);
  assert.doesNotMatch(wrong.out + wrong.err, /hunter2/);
  const weak = await drover(["machines"], { DROVER_KEY: "caller-key" });
  assert.equal(weak.code, 6);
  assert.match(weak.err, /higher scope/);
});

test("wrong usage and settings are 2", async () => {
  for (const args of [
    ["start"],
    ["nonsense"],
    ["runs", "--state", "asleep"],
    ["start", "notes.save", "--input", "text"],
    ["start", "notes.save", "--timeout", "soon"],
    ["key", "create"],
    ["pause", "machine", "vm-1"],
    ["put", "absent.yaml"],
    ["runs", "--server", "nowhere"],
    ["runs", "--key-file", "absent"],
  ]) {
    const said = await drover(args);
    assert.equal(said.code, 2, `${args.join(" ")}: ${said.err}`);
    assert.notEqual(said.err, "");
  }
});

test("a number out of its option's range is wrong usage, said in one line, and nothing is sent", async () => {
  api.addRun();
  let calls = 0;
  for (const method of ["StartRun", "ListRuns", "CreateEnrolmentToken"])
    api.state.before.set(method, () => void calls++);
  for (const [command, option, wrong, range] of [
    ["runs", "--limit", ["-1", "0", "1.5", "1e3", "many", ""], ", 1 or more"],
    ["token create", "--uses", ["-1", "0", "10001"], " from 1 to 10000"],
    ["start notes.save --detach", "--workflow-version", ["-1", "0", "4294967296"], " from 1 to 2147483647"],
    ["start notes.save --detach", "--priority", ["-101", "101"], " from -100 to 100"],
  ] as const) {
    for (const value of wrong) {
      const said = await drover([...command.split(" "), option, value]);
      assert.deepEqual([said.code, said.out], [2, ""], `${command} ${option} ${value}`);
      const line = `error: option '${option} <number>' argument '${value}' is invalid. It must be a whole number${range}.\n`;
      assert.equal(said.err, line);
    }
  }
  assert.equal(calls, 0);
  assert.equal((await drover(["runs", "--limit", "1"])).out.split("\n").length, 3, "a head, a run, an end");
  assert.equal((await drover(["start", "notes.save", "--detach", "--priority", "-100"])).code, 0);
});

test("an input that is given twice is wrong usage", async () => {
  for (const second of ["left:=7", "left=1"]) {
    const said = await drover(["start", "sums.multiply", "--detach", "-i", "left:=1", "--input", second]);
    assert.equal(said.code, 2);
    assert.match(said.err, /^error: .* The input left is given twice\.\n$/);
  }
  assert.equal(api.state.runs.length, 0);
});

test("a key may lie in a file, and options may stand before the command", async () => {
  writeFileSync(join(folder, "key"), `${adminKey}\n`);
  const settings = { DROVER_KEY: "", DROVER_SERVER: "http://127.0.0.1:9" };
  const said = await drover(["--server", api.url, "--key-file", "key", "runs"], settings);
  assert.equal(said.code, 0, said.err);
});

test("tables fit 80 columns, keep ids whole, and let no name touch the terminal", async () => {
  const { run } = api.addRun("clinic.scheduling.appointments.move-to-another-physician");
  const runs = await drover(["runs"]);
  const [head = "", row = ""] = runs.out.trimEnd().split("\n");
  assert.ok(head.length <= 80 && row.length <= 80, runs.out);
  assert.ok(row.startsWith(`${run.id}  clinic.sched`) && row.includes("…"), row);
  const machines = await drover(["machines"]);
  assert.ok(!machines.out.includes("\u001b"));
  assert.match(
    machines.out,
    /^MACHINE .*\nvm-1 +default +IDLE +yes +1 h ago +mousepad@0\.5\.10 +Debian 12 +1\.0\.0\n$/,
  );
});

test("machines says of each machine what keeps it from work", async () => {
  const machines = await drover(["machines", "--pool", "kept"]);
  const [head = "", ...rows] = machines.out.trimEnd().split("\n");
  assert.ok(Math.max(head.length, ...rows.map((row) => row.length)) <= 80, machines.out);
  assert.deepEqual(
    rows.map((row) => / (?:IDLE|BUSY|OFFLINE) +(.*?) +1 h ago/.exec(row)?.[1]),
    [
      ...["halted", "draining", "drained", "cordoned", "person at it", "desktop stuck", "unclean"],
      ...["not ready: APP_NOT_RUNNING", "no", "quarantined for 12 min", "yes", "yes"],
    ],
  );
  assert.equal(
    machines.err,
    "12 machines: 2 idle, 1 halted, 1 draining, 1 drained, 1 cordoned,\n" +
      "  1 person at it, 1 desktop stuck, 1 unclean, 1 not ready, 1 offline,\n" +
      "  1 quarantined\n",
  );
});

test("that nothing fits a filter is not said to be all that there is", async () => {
  api.addRun();
  assert.equal((await drover(["runs", "--workflow", "notes.svae"])).err, "No run fits the filter.\n");
  assert.equal((await drover(["machines", "--pool", "empty"])).err, "No machine fits the filter.\n");
  api.state.runs.length = 0;
  assert.match((await drover(["runs"])).err, /^No runs\. Start one/);
});

test("a machine is cordoned, drained and taken away, and a drain that is waited for says what it waits for", async () => {
  const run = "01980000-0000-7000-b000-000000000001";
  const cordoned = await drover(["machine", "cordon", "vm-2"]);
  assert.deepEqual([cordoned.code, cordoned.out], [0, `vm-2 is cordoned: run ${run}\n`]);
  const drained = await drover(["machine", "drain", "vm-2", "--timeout", "5m", "--wait"]);
  assert.equal(drained.out, "vm-2 is drained\n");
  assert.match(drained.err, new RegExp(`^vm-2 is draining: run ${run}, stopped in 5 min\n`));
  const released = await drover(["machine", "release", "vm-2", "--json"]);
  assert.deepEqual([JSON.parse(released.out).status, released.code], ["MACHINE_STATUS_BUSY", 0]);
  assert.equal((await drover(["machine", "uncordon", "vm-2"])).out, "vm-1 is given runs\n");
});

test("--json of a list is one array in the API's own words", async () => {
  api.addRun();
  const [run] = JSON.parse((await drover(["runs", "--json", "--state", "queued"])).out);
  assert.deepEqual([run.state, run.workflow], ["RUN_STATE_QUEUED", "notes.save"]);
  assert.deepEqual(JSON.parse((await drover(["runs", "--json", "--state", "ended"])).out), []);
});

test("run and cancel show and stop a run", async () => {
  const { run } = api.addRun("notes.save", { inputs: { text: "x" }, attempts: [{ number: 1, machineName: "vm-1" }] });
  const shown = await drover(["run", run.id]);
  assert.match(shown.out, /state {5}QUEUED\n[\s\S]*inputs {4}\{"text":"x"\}\n\nATTEMPT +MACHINE[\s\S]*\n1 +vm-1/);
  const cancelled = await drover(["cancel", run.id]);
  assert.equal(cancelled.out, `run ${run.id} is CANCELLING\n`);
});

test("put sends a definition with its pictures, applications first", async () => {
  writeFileSync(join(folder, "ok.png"), png);
  const workflow = "workflow: notes.save\napplication: mousepad\nsteps:\n  - click: { image: ok.png }\n  # not.png\n";
  writeFileSync(join(folder, "notes.yaml"), workflow);
  writeFileSync(join(folder, "pad.yaml"), "application: mousepad\n");
  const said = await drover(["put", "notes.yaml", "pad.yaml"]);
  assert.equal(said.out, "application mousepad version 1\nworkflow notes.save version 1\n");
  assert.equal(said.err, "");
  const json = await drover(["put", "notes.yaml", "--json"]);
  assert.equal(JSON.parse(json.out).application, "ok.png", "the fake answers with the files' names");
});

test("put tells every problem of a definition, and sends no file from elsewhere", async () => {
  writeFileSync(join(folder, "bad.yaml"), "workflow: bad\nsteps: nonsense\n");
  const said = await drover(["put", "bad.yaml"]);
  assert.equal(said.code, 4);
  assert.equal(said.err, "drover: bad.yaml: The definition has problems.\n  line 3, steps: must be a list\n");
  writeFileSync(join(folder, "sly.yaml"), "workflow: sly\nsteps: [ { click: { image: ../../secret.png } } ]\n");
  const sly = await drover(["put", "sly.yaml"]);
  assert.equal(sly.code, 2);
  assert.match(sly.err, /must lie beside the file/);
});

test("film and screenshot save files that only their owner may read, where they belong", async () => {
  const { run } = api.addRun();
  const film = await drover(["film", run.id, "--out", "film"]);
  assert.equal(film.out, "film/001-attempt-1-save-frame.png\n");
  assert.deepEqual(readdirSync(join(folder, "film")), ["001-attempt-1-save-frame.png"]);
  const screenshot = await drover(["screenshot", "vm-1"]);
  assert.equal(screenshot.out, "vm-1.png\n");
  assert.deepEqual(Uint8Array.from(readFileSync(join(folder, "vm-1.png"))), png);
  assert.equal(statSync(join(folder, "vm-1.png")).mode & 0o777, 0o600);
});

test("a new secret is all that stdout holds", async () => {
  const token = await drover(["token", "create", "--pool", "clinic", "--uses", "3", "--lifetime", "2h"]);
  assert.equal(token.out, "token-secret\n");
  assert.match(token.err, /pool clinic, uses: 3/);
  const key = await drover(["key", "create", "--owner", "billing", "--scope", "operator"]);
  assert.equal(key.out, "key-secret\n");
  for (const args of [
    ["token", "list"],
    ["key", "list"],
    ["token", "revoke", "0198"],
    ["key", "revoke", "0198"],
    ["workflows"],
    ["applications"],
  ]) {
    const said = await drover(args);
    assert.equal(said.code, 0, said.err);
    assert.doesNotMatch(said.out, /secret/);
  }
});

test("help has examples, and version answers", async () => {
  const help = await drover(["start", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.out, /Connection:\n[\s\S]*--server[\s\S]*Examples:\n {2}\$ drover start notes\.save/);
  const key = await drover(["key", "create", "--help"]);
  assert.match(key.out.replaceAll(/\s+/g, " "), /--scope <scope> caller, operator, admin; .*? \(default: caller\)/);
  assert.equal((await drover(["--version"])).out, "0.1.0\n");
});

test("the exit codes are all told, in the same words, by the README, the help and the SDK's README", async () => {
  const readFlat = (name: string) =>
    readFileSync(new URL(`../../${name}`, import.meta.url), "utf8").replaceAll(/\s+/g, " ");
  const told = /Exit codes: (0 .*?)\. /.exec(readFlat("README.md"))?.[1] ?? "";
  const meanings = told.split("; ").map((each) => /^(\d+) (.*)$/.exec(each)?.slice(1) ?? []);
  const numbers = Object.values(exitCodes).sort((a, b) => a - b);
  assert.deepEqual(
    meanings.map(([code]) => Number(code)),
    numbers,
  );
  const help = (await drover(["--help"])).out.replaceAll(/\s+/g, " ");
  assert.ok(help.includes(`Exit codes: ${told}.`), help);
  const rows = [...readFlat("sdk/README.md").matchAll(/\| (\d+) +\| ([^|]+?) \|/g)].map(([, ...row]) => row);
  assert.deepEqual(rows, meanings);
});

test("release add sends what is missing of a file that is what its build says, and nothing of any other", async () => {
  const content = Buffer.alloc(1_048_576 + 10, "x");
  const sha256 = createHash("sha256").update(content).digest("hex");
  const signature = Buffer.alloc(64).toString("base64");
  const built = { version: "1.0.0", executable: "linux-x64", sizeBytes: content.length, sha256, signature };
  writeFileSync(join(folder, "drover-agent"), content);
  const beside = join(folder, "drover-agent.release.json");
  for (const [wrong, told] of [
    ["{", /is not JSON/],
    [JSON.stringify({ ...built, signature: "" }), /has no good "signature"/],
    [JSON.stringify({ ...built, sha256: "0".repeat(64) }), /is not the file that .* describes/],
  ] as const) {
    writeFileSync(beside, wrong);
    const said = await drover(["release", "add", "drover-agent"]);
    assert.equal(said.code, exitCodes.usage, said.err);
    assert.match(said.err, told);
  }
  assert.equal(api.state.calls.get("AddRelease"), undefined);
  writeFileSync(beside, JSON.stringify(built));
  const said = await drover(["release", "add", "drover-agent"]);
  assert.equal(said.out, "release 1.0.0 for linux-x64 is complete\n", said.err);
  assert.equal(api.state.calls.get("UploadRelease"), 1);
  assert.match((await drover(["release", "list"])).out, /1\.0\.0 +linux-x64 +1\.0 MB +complete/);
});

test("rollout tells how far each ring is and who failed, as text and as JSON", async () => {
  const shown = await drover(["rollout", "start", "1.0.0", "--canaries", "5", "--soak", "10m"]);
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, /^1\.0\.0 {2}RUNNING_CANARY {2}started .* ago, soak 10 min$/m);
  assert.match(shown.out, /^canaries +3 +0 +0 +1 +1 +0$/m);
  assert.match(shown.out, /^rest +40 +0 +0 +0 +0 +0$/m);
  assert.match(shown.out, /^left out: 2 /m);
  assert.match(shown.out, /^waiting: vm-8 {2}DOWNLOAD {2}\(it tries again\)$/m);
  assert.match(shown.out, /^failed: vm-9 {2}NOT_ATTACHED$/m);
  assert.match((await drover(["rollout", "stop"])).out, /STOPPED \(OPERATOR\)/);
  assert.match((await drover(["rollout", "resume"])).out, /RUNNING_CANARY/);
  const json = JSON.parse((await drover(["rollout", "show", "--json"])).out);
  assert.deepEqual([json.state, json.failures[0].machine], ["ROLLOUT_STATE_RUNNING_CANARY", "vm-9"]);
  const refused = await drover(["rollout", "start", "9.9.9"]);
  assert.equal(refused.code, exitCodes.refused);
  assert.match(refused.err, /See what there is: drover release list/);
});

test("what is halted is said, is listed until it goes on, and what else is halted is told then", async () => {
  const halted = await Promise.all([
    drover(["halt", "machine", "vm-1", "--reason", "INC-17"]),
    drover(["halt", "tenant", "--json"]),
  ]);
  assert.equal(halted[0].out, "machine vm-1 is halted\n");
  assert.deepEqual(JSON.parse(halted[1].out).target, { tenant: true });
  assert.match((await drover(["halts"])).out, /^machine vm-1 .* ops +INC-17$/m);
  const resumed = await drover(["resume", "machine", "vm-1"]);
  assert.deepEqual([resumed.out, resumed.err], ["machine vm-1 goes on\n", "still halted: everything\n"]);
  assert.match((await drover(["resume", "machine", "vm-1"])).out, /was not halted; whoever was at its mouse/);
});

test("halt says what is missing, or not there", async () => {
  const said = async (...args: string[]) => {
    const { code, err } = await drover(["halt", ...args]);
    return `${code} ${err}`;
  };
  const [unnamed, named, absent] = await Promise.all([
    said("machine"),
    said("tenant", "mine"),
    said("machine", "vm-9"),
  ]);
  assert.match(unnamed, /^2 .*Name the machine/);
  assert.match(named, /^2 .*not named/);
  assert.match(absent, /^4 .*no such machine/);
});

test("what is paused is said, is listed until it is not, and what else is paused is told then", async () => {
  const paused = await Promise.all([
    drover(["pause", "workflow", "notes.save", "--reason", "INC-17"]),
    drover(["pause", "pool", "default", "--json"]),
  ]);
  assert.equal(paused[0].out, "workflow notes.save is paused; what is under way goes on\n");
  assert.deepEqual(JSON.parse(paused[1].out).target, { pool: "default" });
  assert.match((await drover(["pauses"])).out, /^workflow notes\.save .* ops +INC-17$/m);
  const ended = await drover(["unpause", "workflow", "notes.save"]);
  assert.equal(ended.out, "workflow notes.save is paused no more\n");
  assert.match(ended.err, /still paused: pool default\n$/);
  assert.equal((await drover(["unpause", "workflow", "notes.save"])).out, "it was not paused\n");
  const absent = await drover(["pause", "pool", "nowhere"]);
  assert.deepEqual([absent.code, absent.err], [4, "drover: There is no pool nowhere.\n"]);
});

test("a limit is set, listed with what is used of it, and ended", async () => {
  const set = await drover(["limit", "application", "ehr", "20"]);
  assert.equal(set.out, "application ehr: at most 20 at a time, 2 under way\n");
  assert.match((await drover(["limits"])).out, /^LIMITED +USED +SINCE +BY\napplication ehr +2 of 20 +.* +ops\n$/);
  assert.equal((await drover(["limit", "application", "ehr", "none"])).out, "application ehr has no limit\n");
  assert.equal((await drover(["limits"])).err, "Nothing is limited.\n");
  const zero = await drover(["limit", "workflow", "notes.save", "0"]);
  assert.equal(zero.code, 2);
  assert.match(zero.err, /from 1 to 100000, or none/);
});

test("the helps of halt and pause say what each does to what is under way, and name the other", () => {
  const help = (name: string) => {
    const said: string[] = [];
    const program = addClientCommands(new Command());
    const command = program.commands.find((each) => each.name() === name);
    command?.configureOutput({ writeOut: (text) => void said.push(text) }).outputHelp();
    return said.join("").replaceAll(/\s+/g, " ");
  };
  assert.match(help("halt"), /at once, in mid-word.*drover resume.*drover pause/);
  assert.match(help("pause"), /those under way go on.*drover halt/);
});
