// What a person reads when a machine cannot be enrolled: one line that says what, where and what to do. Real sockets.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { saveIdentity } from "../../agent/identity.ts";

const program = join(import.meta.dirname, "../../agent/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "drover-enrolment-"));
const stops: (() => void)[] = [];
after(() => {
  for (const stop of stops) stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** Listens on a free port; answers its number. */
async function port(server: Http1Server | Http2Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function selfSigned(): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(scratch, "key.pem"), join(scratch, "cert.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const made = spawnSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

/** Enrols at `url`; answers the exit code and all that was said. */
async function enrolAt(url: string): Promise<{ status: number | null; lines: string[] }> {
  const where = ["--server", url, "--state", join(scratch, "state")];
  const args = ["--no-warnings", program, "enrol", ...where, "--name", "vm-1", "--token-file", "-"];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdin.end("good-token-000000000\n");
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, lines: said.trimEnd().split("\n") };
}

async function refused(url: string, says: RegExp): Promise<void> {
  const { status, lines } = await enrolAt(url);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0] ?? "", says);
  assert.equal(status, 1);
}

test("a port where nothing listens is named, with what to look at", async () => {
  await refused(
    "http://127.0.0.1:1",
    /^agent: nothing answers at 127\.0\.0\.1:1: is the server running, and is this its agents' port\?$/,
  );
});

test("the API's port is told from the agents' port", async () => {
  const api = createServer((_, response) => void response.writeHead(404).end());
  const at = await port(api);
  await refused(`http://127.0.0.1:${at}`, new RegExp(`no agents' port at 127\\.0\\.0\\.1:${at}: .*API's port.*7401`));
  const old = await port(createHttp1((_, response) => void response.writeHead(404).end()));
  await refused(`http://127.0.0.1:${old}`, /does not speak the agents' protocol.*7401/);
});

test("a certificate that is not trusted leads to --ca, and http to a TLS port leads to https", async () => {
  const at = await port(createSecureServer(selfSigned()));
  await refused(`https://localhost:${at}`, /certificate of localhost:\d+ is not trusted \(self-signed.*--ca/);
  await refused(`http://localhost:${at}`, /may want TLS, so try https/);
});

test("https to a port without TLS leads to http", async () => {
  const at = await port(createServer());
  await refused(`https://localhost:${at}`, /does not speak TLS: say http:/);
});

test("an identity is its user's alone, even where a crash left an unfinished one that was open to all", () => {
  const stateDir = join(scratch, "crashed");
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, "identity.json.new"), "half");
  chmodSync(join(stateDir, "identity.json.new"), 0o644);
  saveIdentity(stateDir, { machineId: "machine-1", machineKey: "k" });
  assert.equal(statSync(join(stateDir, "identity.json")).mode & 0o777, 0o600);
});
