// What deploy/system-packages.ts does, against a made-up dpkg and apt that keep their state in a directory.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { packagesFor } from "../../deploy/package-list.ts";

const script = join(import.meta.dirname, "../../deploy/system-packages.ts");
const demo = packagesFor("demo").map((each) => each.package);

interface System {
  path: string;
  /** One file for each installed package. */
  installed: string;
  /** What apt-get was asked, a line each. */
  asked(): string[];
  run(...args: string[]): { code: number | null; stdout: string; stderr: string };
}

interface Shape {
  installed?: string[];
  apt?: boolean;
  /** Packages are known to apt only after an update. */
  staleLists?: boolean;
  unknown?: string;
  env?: Record<string, string>;
}

function system(
  t: TestContext,
  { installed = [], apt = true, staleLists = false, unknown = "", env = {} }: Shape,
): System {
  const root = mkdtempSync(join(tmpdir(), "drover-test-"));
  t.after(() => rmSync(root, { recursive: true }));
  const [path, state] = [join(root, "bin"), join(root, "installed")];
  mkdirSync(path);
  mkdirSync(state);
  for (const name of installed) writeFileSync(join(state, name), "");
  if (!staleLists) writeFileSync(join(root, "updated"), "");
  // The stand-ins are shell scripts; these are what they and the script itself call.
  for (const tool of ["sh", "env", "touch"]) symlinkSync(which(tool), join(path, tool));
  const programs: Record<string, string> = {
    "dpkg-query": `shift 2; code=0; for p; do if [ -e ${state}/$p ]; then echo "$p installed"; else code=1; fi; done; exit $code`,
    "apt-cache": `shift; for p; do echo "$p:"; if [ -e ${root}/updated ] && [ "$p" != "${unknown}" ]; then echo "  Candidate: 1.0"; else echo "  Candidate: (none)"; fi; done`,
    "apt-get": `echo "$DEBIAN_FRONTEND: $*" >> ${root}/asked
case "$*" in
  *print-uris*) echo "0 upgraded, 3 newly installed"; echo "Need to get 12.3 MB of archives."; echo "After this operation, 45.6 MB of additional disk space will be used."; exit 0;;
  *update) touch ${root}/updated; exit 0;;
esac
echo "Setting up everything"
for p; do case "$p" in -*|DPkg*|install) ;; *) touch ${state}/$p;; esac; done`,
  };
  for (const [name, text] of apt ? Object.entries(programs) : []) {
    writeFileSync(join(path, name), `#!${which("sh")}\n${text}\n`, { mode: 0o755 });
  }
  return {
    path,
    installed: state,
    asked: () => (existsSync(join(root, "asked")) ? readFileSync(join(root, "asked"), "utf8").trim().split("\n") : []),
    run(...args) {
      const flags = ["--disable-warning=ExperimentalWarning", script, ...args];
      const run = spawnSync(process.execPath, flags, { env: { PATH: path, ...env }, encoding: "utf8", input: "" });
      return { code: run.status, stdout: run.stdout, stderr: run.stderr };
    },
  };
}

function which(program: string): string {
  return spawnSync("/bin/sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
}

test("nothing is asked or installed when everything is there", (t) => {
  const machine = system(t, { installed: demo });
  const { code, stdout } = machine.run("demo", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { state: "present" });
  assert.deepEqual(machine.asked(), []);
});

test("without consent nothing is installed: it says what is missing, why, how large and what to run, and exits 2", (t) => {
  const machine = system(t, { installed: demo.filter((name) => name !== "xvfb" && name !== "openbox") });
  const { code, stdout, stderr } = machine.run("demo");
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /xvfb: a display without a monitor/);
  assert.match(stderr, /Need to get 12\.3 MB.*\nAfter this operation, 45\.6 MB/);
  assert.match(stderr, /apt-get install --no-install-recommends xvfb openbox\n/);
  assert.ok(!machine.asked().some((line) => !line.includes("--print-uris")));
});

for (const consent of [
  { args: ["--yes"], env: {} },
  { args: [], env: { CI: "true" } },
]) {
  const root = process.getuid?.() === 0;
  test(`${consent.args[0] ?? "CI=true"} installs exactly what is missing, and stdout stays pure JSON`, {
    skip: !root,
  }, (t) => {
    const machine = system(t, { installed: demo.filter((name) => name !== "mousepad"), env: consent.env });
    const { code, stdout, stderr } = machine.run("demo", "--json", ...consent.args);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { state: "installed", packages: ["mousepad"] });
    assert.match(stderr, /Setting up everything/);
    assert.ok(existsSync(join(machine.installed, "mousepad")));
    const install = machine.asked().at(-1) ?? "";
    assert.match(install, /^noninteractive: .*install --yes --no-install-recommends mousepad$/);
    assert.ok(!machine.asked().some((line) => line.endsWith("update")));
  });
}

test("package lists that do not know a package are read anew first", { skip: process.getuid?.() !== 0 }, (t) => {
  const machine = system(t, { staleLists: true });
  assert.equal(machine.run("demo", "--yes").code, 0);
  const kinds = machine
    .asked()
    .map((line) => ["--print-uris", "update"].find((word) => line.includes(word)) ?? "install");
  assert.deepEqual(kinds, ["--print-uris", "update", "install"]);
});

test("a package that the system's sources do not have is named, and it exits 1", {
  skip: process.getuid?.() !== 0,
}, (t) => {
  const machine = system(t, { unknown: "galculator" });
  const { code, stderr } = machine.run("demo", "--yes");
  assert.equal(code, 1);
  assert.match(stderr, /do not have galculator/);
});

test("a program that is there without its package counts", (t) => {
  const machine = system(t, { installed: demo.filter((name) => name !== "xvfb") });
  writeFileSync(join(machine.path, "Xvfb"), "", { mode: 0o755 });
  assert.equal(machine.run("demo").code, 0);
});

test("without apt it names the programs that are not on PATH, and exits 2", (t) => {
  const machine = system(t, { apt: false });
  writeFileSync(join(machine.path, "Xvfb"), "", { mode: 0o755 });
  const { code, stderr } = machine.run("tests");
  assert.equal(code, 2);
  assert.match(stderr, /openbox: a window manager/);
  assert.match(stderr, /chromium or chromium-browser or google-chrome/);
  assert.doesNotMatch(stderr, /Xvfb/);
  assert.doesNotMatch(stderr, /apt-get install/);
});

test("a purpose that does not exist is answered with the usage", (t) => {
  const { code, stderr } = system(t, {}).run("everything");
  assert.equal(code, 2);
  assert.match(stderr, /Usage: .*demo\|.*\|tests/);
});
