// How the agent is started at log-on: what is written, what is run, and that it can be undone. systemctl is a stand-in that
// notes what it is told; Windows' own scheduler is asked in the test of the Windows executable.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { readSettings, runArguments } from "../../agent/command-line.ts";
import { thisHost } from "../../agent/host/this-host.ts";
import { findIdentity, saveIdentity } from "../../agent/identity.ts";
import { NotInstalled } from "../../agent/installation/installation.ts";
import { purge } from "../../agent/installation/purge.ts";
import { unitText } from "../../agent/installation/systemd.ts";
import { taskXml } from "../../agent/installation/task.ts";
import type { RunSettings } from "../../agent/settings.ts";
import { MACHINE_ID } from "../support/fake-server.ts";

const program = join(import.meta.dirname, "../../agent/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "drover-installation-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const told = join(scratch, "told");
const config = join(scratch, "config");
const stateDir = join(scratch, "state");
const unit = join(config, "systemd/user/drover-agent.service");

beforeEach(() => {
  for (const path of [told, config, stateDir]) rmSync(path, { recursive: true, force: true });
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "secret-key" });
});

/** A folder with a systemctl that notes its arguments, and fails at the one that is named. */
function fakeSystemctl(fails = "nothing"): string {
  const folder = join(scratch, `bin-${fails}`);
  mkdirSync(folder, { recursive: true });
  const lines = ["#!/bin/sh", `echo "$*" >> '${told}'`, `case "$*" in *${fails}*) echo 'no bus' >&2; exit 1;; esac`];
  writeFileSync(join(folder, "systemctl"), `${lines.join("\n")}\n`);
  chmodSync(join(folder, "systemctl"), 0o755);
  return folder;
}

function agent(path: string, ...args: string[]) {
  const env = { ...process.env, PATH: `${path}:/usr/bin:/bin`, XDG_CONFIG_HOME: config };
  const command = ["--disable-warning=ExperimentalWarning", program, ...args];
  return spawnSync(process.execPath, command, { env, encoding: "utf8" });
}

const where = ["--server", "https://drover.example:7401", "--state", stateDir];

/** systemd.service(5), "Command lines", read back. */
function execStart(text: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? assert.fail("there is no ExecStart");
  const words = line.match(/"(?:\\.|[^"\\])*"|[^\s"]+/g) ?? [];
  const unquoted = (word: string) => (word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, "$1") : word);
  // A single one would be a specifier, or a variable; the program has no variables.
  const doubled = (text: string, signs: RegExp) =>
    text.replaceAll(signs, (_, sign, next) => (sign === next ? sign : "?"));
  return words.map((word, index) => doubled(unquoted(word), index === 0 ? /(%)(.?)/gs : /([%$])(.?)/gs));
}

test("the unit is written, enabled and started; said again it is replaced; uninstall takes exactly that away", () => {
  const path = fakeSystemctl();
  const first = agent(path, "install", ...where, "--application", "mousepad");
  assert.equal(first.status, 0, first.stderr);
  assert.deepEqual(readFileSync(told, "utf8").trim().split("\n"), [
    "--user show-environment",
    "--user daemon-reload",
    "--user enable drover-agent.service",
    "--user restart drover-agent.service",
  ]);
  const text = readFileSync(unit, "utf8");
  assert.match(text, /^PartOf=graphical-session\.target$/m);
  assert.match(text, /^Restart=always$/m);
  assert.match(text, /^KillMode=process$/m);
  assert.match(text, /^WantedBy=graphical-session\.target$/m);
  const started = execStart(text);
  assert.deepEqual(started.slice(started.indexOf("run")), ["run", ...where, "--application", "mousepad"]);
  assert.doesNotMatch(text, /secret-key/);

  assert.equal(agent(path, "install", ...where, "--label", "site=north").status, 0);
  assert.match(readFileSync(unit, "utf8"), /--label site=north/);
  assert.doesNotMatch(readFileSync(unit, "utf8"), /mousepad/);

  const undone = agent(path, "uninstall");
  assert.equal(undone.status, 0, undone.stderr);
  assert.equal(existsSync(unit), false);
  assert.match(readFileSync(told, "utf8"), /--user disable --now drover-agent\.service\n/);
  assert.ok(existsSync(join(stateDir, "identity.json")), "the state is kept");
  assert.equal(agent(path, "uninstall").status, 0, "once more is no mistake");
});

test("purge removes the state directory, and nothing that is none", () => {
  const path = fakeSystemctl();
  // A supervisor that was killed while it wrote leaves this.
  writeFileSync(join(stateDir, "release.json.new"), "{");
  assert.equal(agent(path, "uninstall", "--purge", stateDir).status, 0);
  assert.equal(existsSync(stateDir), false);
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, "thesis.txt"), "");
  rmSync(told);
  const wrong = agent(path, "uninstall", "--purge", stateDir);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /is not an agent's state directory/);
  assert.equal(existsSync(told), false, "nothing was undone");
  saveIdentity(stateDir, { machineId: MACHINE_ID, machineKey: "k" });
  assert.equal(agent(path, "uninstall", "--purge", stateDir).status, 0);
  assert.ok(existsSync(join(stateDir, "thesis.txt")), "somebody else's file stays");
  assert.equal(existsSync(join(stateDir, "identity.json")), false);
});

test("purge takes nothing from under a living agent", async () => {
  const held = (await thisHost.lock()(stateDir, MACHINE_ID)) ?? assert.fail("the lock is free");
  try {
    await assert.rejects(
      purge(stateDir, thisHost.lock(), 60),
      /^NotInstalled: .* is kept: an agent still runs with it/,
    );
    assert.equal(findIdentity(stateDir).is, "good");
    assert.ok(existsSync(join(stateDir, "agent.lock")));
  } finally {
    held.release();
  }
  await purge(stateDir, thisHost.lock(), 60);
  assert.equal(existsSync(stateDir), false);
});

test("purge waits for an agent that is ending", async () => {
  let asked = 0;
  await purge(stateDir, async (...of) => (++asked < 3 ? undefined : thisHost.lock()(...of)), 10_000);
  assert.equal(asked, 3);
  assert.equal(existsSync(stateDir), false);
});

test("what cannot be removed is told, and purge can be said again", async () => {
  mkdirSync(join(stateDir, "agent.lock"));
  const free = async () => ({ release() {} });
  await assert.rejects(purge(stateDir, free, 60), /^NotInstalled: .* cannot be removed \(\w*EISDIR\)/);
  assert.equal(findIdentity(stateDir).is, "good");
  rmSync(join(stateDir, "agent.lock"), { recursive: true });
  await purge(stateDir, thisHost.lock(), 60);
  assert.equal(existsSync(stateDir), false);
});

test("--print shows the unit and does nothing", () => {
  const { status, stdout } = agent(fakeSystemctl(), "install", ...where, "--print");
  assert.equal(status, 0);
  assert.match(stdout, /# writes .*drover-agent\.service\n\[Unit\]\n/);
  assert.match(stdout, /# runs systemctl --user enable drover-agent\.service\n/);
  assert.deepEqual([existsSync(unit), existsSync(told)], [false, false]);
});

test("what would not start is not installed: no systemd, no identity, a server without TLS", () => {
  const none = agent(fakeSystemctl("show-environment"), "install", ...where);
  assert.equal(none.status, 1);
  assert.match(
    none.stderr,
    /^agent: this user has no systemd here; start this with the session instead.* run --server/,
  );
  const refused = agent(fakeSystemctl("enable"), "install", ...where);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^agent: systemctl --user enable drover-agent\.service failed: no bus\n$/);
  rmSync(unit);
  const other = ["install", "--server", "http://10.0.0.1:7401", "--state", stateDir];
  assert.equal(agent(fakeSystemctl(), ...other).status, 2);
  rmSync(stateDir, { recursive: true });
  const stranger = agent(fakeSystemctl(), "install", ...where);
  assert.equal(stranger.status, 2);
  assert.match(stranger.stderr, /enrol this machine first/);
  assert.equal(existsSync(unit), false);
});

const awkward: [string, ...string[]] = [
  "/opt/100% $HOME/$$/drover agent",
  "run",
  "100% $HOME",
  'say "x"',
  "back\\slash\\",
  "",
  "Zoë 漢字",
  "<&>&lt;",
];

test("systemd starts exactly the words that were meant", () => {
  assert.deepEqual(execStart(unitText(awkward)), awkward);
});

test("a program that systemd would not start is refused by name", () => {
  for (const character of ['"', "'", "\\", "\n", "\t", "\x7f"]) {
    const path = `/opt/a${character}b/drover-agent`;
    assert.throws(
      () => unitText([path, "run"]),
      (error: Error) => error instanceof NotInstalled && error.message.endsWith(JSON.stringify(path)),
    );
  }
  assert.throws(() => unitText(["/opt/drover-agent", "a\nb"]), NotInstalled);
});

test("a task holds exactly the words that were meant, for the user, in the session, without end", () => {
  const [program] = awkward;
  const xml = taskXml(awkward, "VM\\Zoë");
  const plain = (text: string) =>
    text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const of = (name: string) =>
    [...xml.matchAll(new RegExp(`<${name}>(.*)</${name}>`, "g"))].map(([, text = ""]) => text);
  assert.deepEqual(of("Command").map(plain), [program]);
  assert.deepEqual(of("Arguments").map(plain), ['run "100% $HOME" "say \\"x\\"" back\\slash\\ "" "Zoë 漢字" <&>&lt;']);
  assert.deepEqual(of("UserId"), ["VM\\Zoë", "VM\\Zoë"]);
  assert.doesNotMatch(xml, /&(?!(amp|lt|gt|quot);)/);
  assert.deepEqual(of("MultipleInstancesPolicy"), ["IgnoreNew"]);
  assert.deepEqual(of("LogonType"), ["InteractiveToken"]);
  assert.deepEqual(of("RunLevel"), ["HighestAvailable"]);
  assert.deepEqual(of("ExecutionTimeLimit"), ["PT0S"]);
  assert.deepEqual(of("DisallowStartIfOnBatteries"), ["false"]);
  assert.deepEqual([...of("Interval"), ...of("Count")], ["PT1M", "999"]);
  // Every element that is opened is closed, in order.
  const open: string[] = [];
  for (const [, end = "", name = ""] of xml.matchAll(/<(\/?)(\w+)[^<>]*>/g)) {
    if (end === "") open.push(name);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
});

test("what Windows would replace, or cannot read, is refused by name and not written into a task", () => {
  const refused = (...command: [string, ...string[]]) => {
    try {
      return taskXml(command, "me");
    } catch (error) {
      assert.ok(error instanceof NotInstalled);
      return error.message;
    }
  };
  for (const word of ["%PATH%", "a%b c%d", "50%%PATH%"]) {
    assert.match(refused("C:\\a.exe", "run", word), /between two "%"/, word);
    assert.match(refused(`C:\\${word}.exe`, "run"), /between two "%"/, word);
  }
  assert.match(refused("C:\\a.exe", "k=1%", "k=2%"), /between two "%"/, "words are one line of text there");
  assert.match(refused("C:\\a.exe", "$(Arg0)"), /"\$\("/);
  assert.match(refused("C:\\$(Arg0).exe"), /"\$\("/);
  for (const character of ["\n", "\r", "\t", "\0", "\x1b", "\x85", "\ud800", "\uffff"]) {
    assert.match(refused("C:\\a.exe", `k=${character}`), /control character/, JSON.stringify(character));
  }
  assert.match(refused("C:\\100%.exe", "k=5%", "$HOME", "(x)", "\u{1f600}"), /^<\?xml/);
});

test("what was said to install is what run understands", () => {
  const said = ["--application", "a@1", "--application", "b", "--label", "k=v=w", "--allow-exec", "t=/bin/true"];
  const more = ["--ca", "/ca.pem", "--insecure", "--display", ":3", "--log-json", "--log-file", "/l", "--background"];
  const settings = readSettings(["run", ...where, ...said, ...more], "1") as RunSettings;
  const again = readSettings(
    runArguments(settings, (path) => path),
    "1",
  );
  assert.deepEqual(again, settings);
  assert.equal(settings.background, true);
});
