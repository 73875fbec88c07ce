// The doctor on desktops, state directories and servers that are really broken: each fault is named, with its remedy.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttp1 } from "node:http";
import { createSecureServer, createServer } from "node:http2";
import { type AddressInfo, createServer as createTcp, type Server } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { captureInTime } from "../../../agent/capture.ts";
import { startX11Session, type X11Session } from "../../../agent/desktop/x11-session.ts";
import { CHECKS } from "../../../agent/doctor/finding.ts";
import { saveIdentity } from "../../../agent/identity.ts";
import { FakeServer } from "../../support/fake-server.ts";
import { type BareDisplay, checksOn, doctor, fromSource, judged, ran, scratch, startBareDisplay } from "./machines.ts";

let session: X11Session;
let bare: BareDisplay;
let server: FakeServer;
before(async () => {
  [session, bare, server] = await Promise.all([startX11Session(), startBareDisplay(), FakeServer.start()]);
});
after(async () => {
  server.stop();
  await Promise.all([session.stop(), bare.stop()]);
});

let states = 0;
function enrolledState(machineKey = "key-1"): string {
  const stateDir = join(scratch, `state-${++states}`);
  saveIdentity(stateDir, { machineId: `doctor-${states}`, machineKey });
  return stateDir;
}

const onSession = (...args: string[]) => doctor(["--display", session.display, ...args]);

test("a machine that is well has no fault, and no key or token is told", async () => {
  const stateDir = enrolledState();
  const args = [
    "--state",
    stateDir,
    "--server",
    server.url,
    "--application",
    "openbox",
    "--allow-exec",
    "env=/usr/bin/env",
  ];
  const { status, findings, of, text } = await onSession(...args);
  assert.equal(status, 0, text);
  assert.deepEqual(
    findings.map(({ check }) => check),
    CHECKS,
  );
  // Who runs the tests may be root, and an X server blanks its screen after some minutes by default.
  const bad = findings.filter(({ is, check }) => is !== "ok" && check !== "rights" && check !== "power");
  assert.deepEqual(bad, []);
  assert.match(of("session").found, new RegExp(`X11 on display ${session.display}`));
  assert.match(of("window-manager").found, /openbox/i);
  assert.match(of("health-shot").found, /by screenshot-desktop/);
  assert.match(of("key").found, /knows this machine/);
  assert.doesNotMatch(text, /key-1/);
  assert.deepEqual(server.enrolments, []);
});

test("for people it is lines of at most 80 columns, and the last one counts", async () => {
  const { status, text } = await ran([...fromSource, "doctor", "--display", bare.display]);
  assert.equal(status, 1);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  assert.match(text, /^fault {4}window-manager {2}none .*\n(?: +.*\n)*? +-> Start a window manager/m);
  assert.match(text, /^1 fault, (no|\d) warnings?\.$/m);
});

test("without a window manager the cause is named, and what does not need one is looked at", async () => {
  const { status, of } = await doctor(["--display", bare.display]);
  assert.equal(status, 1);
  assert.equal(of("window-manager").is, "fault");
  assert.match(of("window-manager").remedy, /Start a window manager in the session, such as openbox/);
  assert.deepEqual([of("surface").is, of("windows").is], ["skipped", "skipped"]);
  assert.match(of("surface").found, /see window-manager/);
  assert.deepEqual([of("capture").is, of("input").is, of("clipboard").is], ["ok", "ok", "ok"]);
});

test("without a display it says so, and how to name one", async () => {
  const gone = await doctor(["--display", ":64999"]);
  assert.match(gone.of("session").found, /no X server answers on display :64999/);
  assert.match(gone.of("session").remedy, /--display :0/);
  assert.equal(gone.of("reading").is, "ok");
});

/** A PATH with these programs of the system and these scripts, and no others. */
function pathWith(programs: readonly string[], scripts: Readonly<Record<string, string>> = {}): string {
  const folder = join(scratch, `path-${++states}`);
  mkdirSync(folder);
  for (const name of programs) {
    symlinkSync(spawnSync("which", [name], { encoding: "utf8" }).stdout.trim(), join(folder, name));
  }
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return folder;
}

test("without the programs of health screenshots these are at fault, by the name of the package", async () => {
  const [imagemagick, xrandr, both] = await Promise.all(
    [["xrandr"], ["import"], []].map((programs) =>
      doctor(["--display", session.display], { PATH: pathWith(programs) }),
    ),
  );
  for (const [missing, found, remedy] of [
    [imagemagick, "import", /^Install imagemagick \(it has the program import\)\.$/],
    [xrandr, "xrandr", /^Install x11-xserver-utils \(it has the program xrandr\)\.$/],
    [both, "import and xrandr", /imagemagick.* and x11-xserver-utils/],
  ] as const) {
    assert.equal(missing?.status, 1);
    assert.equal(missing.of("health-shot").found, `not possible without ${found}; by xlib instead`);
    assert.match(missing.of("health-shot").remedy, remedy);
    assert.equal(missing.of("capture").is, "ok");
  }
});

test("where the programs of health screenshots fail, one is taken another way", async () => {
  for (const [index, xrandr] of ["exit 1", "echo 'HDMI-1 disconnected (normal left inverted)'"].entries()) {
    const shot = join(scratch, `own-${index}.png`);
    const { status, text, errors } = await ran(
      [...fromSource, "capture", "--display", session.display, "--out", shot],
      { PATH: pathWith(["import"], { xrandr }) },
    );
    assert.equal(status, 0, errors);
    assert.match(text, /own-\d\.png: 1280 x 800, .* by xlib/);
  }
});

test("capture writes one PNG by the path of the health screenshots, and says how long it took", async () => {
  const shot = join(scratch, "shot.png");
  const { status, text } = await ran([...fromSource, "capture", "--out", shot, "--display", session.display]);
  assert.equal(status, 0);
  assert.match(text, /shot\.png: 1280 x 800, \d+ bytes, by screenshot-desktop in \d+ ms\n$/);
  assert.equal(readFileSync(shot).readUInt32BE(16), 1280);
});

test("a key file that others can read, that cannot be read, that is damaged or absent: each is told apart", async () => {
  const states = {
    shown: [/can be read by other users/, /0600, and revoke the key/],
    unreadable: [/cannot be read by this user/, /Run the agent as the user/],
    damaged: [/is damaged/, /enrol this machine again/],
    missing: [/does not exist/, /Enrol this machine first/],
  } as const;
  for (const [kind, [found, remedy]] of Object.entries(states)) {
    const stateDir = enrolledState("secret-of-this-machine");
    const file = join(stateDir, "identity.json");
    if (kind === "shown") chmodSync(file, 0o644);
    else rmSync(file);
    // Nobody can read a folder as a file, not even root.
    if (kind === "unreadable") mkdirSync(file, { mode: 0o700 });
    if (kind === "damaged") spawnSync("sh", ["-c", `umask 077; echo 'secret-of-this-machine' > '${file}'`]);
    const checks = checksOn({ stateDir, server: server.url });
    const identity = await checks.identity();
    assert.equal(identity.is, "fault", kind);
    assert.match(identity.found, found);
    assert.match("remedy" in identity ? identity.remedy : "", remedy);
    assert.doesNotMatch(JSON.stringify(identity), /secret-of-this-machine/);
    // A key that may be known to others is not even sent.
    assert.equal((await checks.server()).is, "ok");
    assert.equal((await checks.key()).is, "skipped", kind);
  }
});

test("a state directory that is not there, out of reach, is a file, or is open to others", async () => {
  const open = enrolledState();
  chmodSync(open, 0o755);
  const file = join(enrolledState(), "identity.json");
  assert.match((await judged("state", { stateDir: join(scratch, "nowhere") })).found, /nowhere does not exist/);
  assert.match((await judged("state", { stateDir: file })).found, /is not a directory/);
  // Nobody may follow a link to itself, not even root.
  const loop = join(scratch, "loop");
  symlinkSync(loop, loop);
  const below = await judged("state", { stateDir: join(loop, "state") });
  assert.match(below.found, /loop\/state cannot be reached by this user/);
  assert.match(below.remedy, /as the user who enrolled this machine/);
  assert.equal((await judged("state", { stateDir: open })).is, "warning");
  assert.equal((await judged("identity", { stateDir: open })).is, "ok");
});

const stops: (() => void)[] = [];
after(() => {
  for (const stop of stops) stop();
});

async function portOf(listener: Server): Promise<number> {
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  stops.push(() => listener.close());
  return (listener.address() as AddressInfo).port;
}

function selfSigned(): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(scratch, "key.pem"), join(scratch, "cert.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const made = spawnSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test("a wrong server is told by where the way to it ends", async () => {
  const secure = await portOf(createSecureServer(selfSigned()));
  const http1 = await portOf(createHttp1((_, response) => void response.writeHead(404).end()));
  const http2 = await portOf(createServer((_, response) => void response.writeHead(404).end()));
  const silent = await portOf(createTcp());
  const wrong: readonly (readonly [string, RegExp, RegExp])[] = [
    ["http://127.0.0.1:1", /nothing listens/, /Start the server, or correct the address/],
    ["http://no-such-machine.invalid:7401", /the name in .* is not known/, /name resolution/],
    [`http://127.0.0.1:${http1}`, /does not speak the agents' protocol/, /agents' port \(7401/],
    [`http://127.0.0.1:${http2}`, /does not speak the agents' protocol/, /agents' port \(7401/],
    [`http://localhost:${secure}`, /wants TLS/, /https:/],
    [`https://localhost:${secure}`, /not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/, /--ca/],
    [server.url.replace("http:", "https:"), /does not speak TLS/, /http:/],
    [`http://127.0.0.1:${silent}`, /./, /./],
  ];
  await Promise.all(
    wrong.map(async ([url, found, remedy]) => {
      const checks = checksOn({ server: url });
      const reached = { remedy: "", ...(await checks.server()) };
      assert.equal(reached.is, "fault", url);
      assert.match(reached.found, found);
      assert.ok(reached.found.includes(url));
      assert.match(reached.remedy, remedy);
    }),
  );
});

test("of several servers each is asked, and those at fault are named", async () => {
  const { found } = await judged("server", { server: `${server.url},http://127.0.0.1:1,http://127.0.0.1:2` });
  assert.equal(found, "nothing listens at http://127.0.0.1:1; nothing listens at http://127.0.0.1:2");
});

test("a server of another protocol is told from a wrong one", async () => {
  server.protocolVersions = [2, 3];
  const { found } = await judged("server", { server: server.url });
  server.protocolVersions = [1];
  assert.match(found, /serves protocol 2, 3, not 1/);
});

/** What the check says after the server was asked, as the doctor does it. */
async function afterServer(check: "key" | "clock", on: { stateDir?: string }) {
  const checks = checksOn({ ...on, server: server.url });
  await checks.server();
  return { remedy: "", ...(await checks[check]()) };
}

test("a key that the control plane does not know is a fault", async () => {
  const key = await afterServer("key", { stateDir: enrolledState("key-2") });
  assert.equal(key.is, "fault");
  assert.match(key.remedy, /Enrol this machine again/);
  assert.equal((await afterServer("key", { stateDir: enrolledState() })).is, "ok");
});

test("a clock that is off by ten seconds is a warning, by a minute a fault", async () => {
  server.clockAheadMs = 10_000;
  const near = await afterServer("clock", {});
  server.clockAheadMs = -60_000;
  const far = await afterServer("clock", {});
  server.clockAheadMs = 0;
  assert.equal(near.is, "warning");
  assert.match(near.found, /^(9\.9\d|10|10\.\d\d) s behind the server's, give or take/);
  assert.equal(far.is, "fault");
  assert.match(far.found, /^60 s ahead of the server's/);
  assert.match(far.remedy, /time synchronisation/);
  assert.equal((await afterServer("clock", {})).is, "ok");
});

test("a locked key file, a clock that is off and a wrong server are faults of the program, with exit 1", async () => {
  const stateDir = enrolledState();
  chmodSync(join(stateDir, "identity.json"), 0o644);
  server.clockAheadMs = 60_000;
  const broken = await doctor(["--state", stateDir, "--server", server.url]);
  server.clockAheadMs = 0;
  assert.equal(broken.status, 1);
  assert.deepEqual([broken.of("identity").is, broken.of("clock").is], ["fault", "fault"]);
  const { of, status } = await doctor(["--state", stateDir, "--server", "http://127.0.0.1:1"]);
  assert.equal(status, 1);
  assert.deepEqual([of("server").is, of("key").is, of("clock").is], ["fault", "skipped", "skipped"]);
});

test("an agent at work is told of and not disturbed", async () => {
  const stateDir = enrolledState();
  const where = ["--server", server.url, "--state", stateDir];
  const agent: ChildProcess = spawn(fromSource[0], [...fromSource.slice(1), "run", ...where, "--simulated"], {
    stdio: "ignore",
  });
  try {
    const stream = await server.welcome(1, { beatIntervalMs: 500, stopAfterMs: 2000 });
    await stream.heardOf("beat");
    const { of, status, text } = await onSession(...where);
    assert.equal(status, 0, text);
    assert.match(of("agent").found, /running now/);
    assert.match((await judged("agent", { stateDir: enrolledState() })).found, /none is running/);
    const beats = stream.all("beat").length;
    await stream.heardOf("beat", beats + 1);
    assert.equal(stream.closed, false);
    assert.equal(server.streams.length, 1);
  } finally {
    agent.kill("SIGTERM");
    await new Promise((resolve) => agent.once("exit", resolve));
  }
});

test("an X server that hangs costs a few seconds, and the rest is looked at", async () => {
  const hanging = await startBareDisplay();
  process.kill(hanging.pid, "SIGSTOP");
  try {
    const { status, of } = await doctor(["--display", hanging.display, "--state", enrolledState()]);
    assert.equal(status, 1);
    assert.match(of("session").found, /no answer within 5 s/);
    assert.equal(of("clipboard").is, "skipped");
    const shot = ["capture", "--examiner", "--display", hanging.display, "--out", join(scratch, "hangs.png")] as const;
    const began = performance.now();
    assert.equal(captureInTime([...fromSource, ...shot], 1000), 1);
    assert.ok(performance.now() - began < 5000);
    assert.deepEqual([of("reading").is, of("identity").is], ["ok", "ok"]);
  } finally {
    await hanging.stop();
  }
});

test("wrong usage and a server that may not be spoken to are exit 2, before anything is looked at", async () => {
  for (const args of [
    ["--stat", "x"],
    ["--server", "http://10.0.0.1:7401"],
    ["--server", "nonsense"],
  ]) {
    const { status, text, errors } = await ran([...fromSource, "doctor", ...args]);
    assert.equal(status, 2, errors);
    assert.equal(text, "");
  }
});
