// Getting a release onto the disk: a fake control plane that breaks off, a real file system, a crash at each point.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { downloadRelease } from "../../../agent/connection/release-download.ts";
import { serverAddress } from "../../../agent/connection/server-address.ts";
import { type PreparationOptions, type PreparationPoint, prepare } from "../../../agent/update/preparing.ts";
import { offeredRelease, refusal } from "../../../agent/update/release.ts";
import { finish, partialPath, releasePath } from "../../../agent/update/releases-on-disk.ts";
import type { WantedRelease } from "../../../proto/gen/drover/agent/v1/channel_pb.ts";
import { FakeServer } from "../../support/fake-server.ts";
import { publicKeyOf, releaseKey, wantedRelease } from "../../support/made-release.ts";

const program = Buffer.alloc(300_000, "the second release ");
const running = { version: "1.0.0", executable: "linux-x64", releaseKey: publicKeyOf(releaseKey) };
const release = offeredRelease(wantedRelease("2.0.0", program));

let server: FakeServer;
let stateDir: string;

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "drover-update-"));
  server = await FakeServer.start();
  server.releases.set("2.0.0", program);
});

afterEach(() => {
  server.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

function preparing(changes: Partial<PreparationOptions> = {}) {
  const { signal } = new AbortController();
  const { version } = changes.release ?? release;
  const source = { server: serverAddress(server.url), machineKey: "key-1", version, silenceMs: 5000 };
  return prepare({
    ...{ stateDir, release, signal, random: () => 0.5 },
    pauses: { firstMs: 1, longestMs: 2, busyMs: 1, failedMs: 1 },
    download: (offset, take) => downloadRelease({ ...source, offset, take, signal: changes.signal ?? signal }),
    ...changes,
  });
}

const offsets = () => server.downloads.map(({ offset }) => Number(offset));

function assertPrepared(): void {
  assert.deepEqual(readFileSync(releasePath(stateDir, "2.0.0")), program);
  assert.deepEqual(readdirSync(join(stateDir, "releases", "2.0.0")).length, 1, "nothing else is left there");
  assert.equal(statSync(releasePath(stateDir, "2.0.0")).mode & 0o777, 0o700);
}

test("a release is downloaded, and only its user can run it", async () => {
  assert.deepEqual(await preparing(), { is: "prepared" });
  assertPrepared();
});

test("a release that is there already is looked at and not downloaded again", async () => {
  await preparing();
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.equal(server.downloads.length, 1);
  writeFileSync(releasePath(stateDir, "2.0.0"), Buffer.alloc(program.length));
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.equal(server.downloads.length, 2);
  assertPrepared();
});

test("a download that breaks off goes on where it was", async () => {
  server.brokenOff.push({ afterBytes: 100_000, code: grpc.status.UNAVAILABLE });
  server.brokenOff.push({ afterBytes: 50_000, code: grpc.status.UNAVAILABLE });
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.deepEqual(offsets(), [0, 100_000, 150_000]);
  assertPrepared();
});

test("an agent that is one too many waits for as long as it takes", async () => {
  const busy = { afterBytes: 0, code: grpc.status.RESOURCE_EXHAUSTED };
  server.brokenOff.push(...Array.from({ length: 30 }, () => busy));
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.equal(server.downloads.length, 31);
});

test("a server that cannot be reached is asked a dozen times", async () => {
  server.stop();
  assert.deepEqual(await preparing(), { is: "failed", fault: "DOWNLOAD", because: "UNAVAILABLE" });
});

test("a release that the server does not have is asked for once", async () => {
  server.releases.clear();
  assert.deepEqual(await preparing(), { is: "failed", fault: "DOWNLOAD", because: "NOT_FOUND" });
  assert.equal(server.downloads.length, 1);
});

for (const [what, bytes] of [
  ["other bytes of the same length", Buffer.alloc(program.length)],
  ["fewer bytes", program.subarray(1)],
  ["more bytes", Buffer.concat([program, program])],
] as const) {
  test(`${what} than were named are thrown away`, async () => {
    server.releases.set("2.0.0", bytes);
    const end = await preparing();
    assert.deepEqual(end, { is: "failed", fault: "DIGEST", because: "it is not what was named" });
    assert.deepEqual(readdirSync(join(stateDir, "releases", "2.0.0")), []);
  });
}

test("a part that is not of this release is downloaded again from the beginning", async () => {
  mkdirSync(dirname(partialPath(stateDir, "2.0.0")), { recursive: true });
  writeFileSync(partialPath(stateDir, "2.0.0"), Buffer.alloc(1000));
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.deepEqual(offsets(), [1000, 0]);
  assertPrepared();
});

test("a disk that cannot be written to is told of, and not a bug", async () => {
  writeFileSync(join(stateDir, "releases"), "a file where the folder should be");
  const end = await preparing();
  assert.equal(end.is === "failed" && end.fault, "DISK");
});

test("on a full disk no part of a release is left", async () => {
  const partial = partialPath(stateDir, "2.0.0");
  mkdirSync(dirname(partial), { recursive: true });
  symlinkSync("/dev/full", partial);
  assert.deepEqual(await preparing(), { is: "failed", fault: "DISK", because: "write: ENOSPC" });
  assert.deepEqual(readdirSync(dirname(partial)), []);
});

test("a stopped download leaves its part, and another one goes on with it", async () => {
  const stopping = new AbortController();
  const reached = (point: PreparationPoint) => point === "piece written" && stopping.abort();
  assert.deepEqual(await preparing({ signal: stopping.signal, reached }), { is: "stopped" });
  assert.ok(statSync(partialPath(stateDir, "2.0.0")).size > 0);
  assert.deepEqual(await preparing(), { is: "prepared" });
  assert.ok((offsets()[1] ?? 0) > 0);
  assertPrepared();
});

class Crash extends Error {}

for (const point of ["folder made", "piece written", "all there", "found good", "named"] as const) {
  test(`after a crash at "${point}" the release is prepared by the next start, and never half`, async () => {
    const crash = (at: PreparationPoint) => {
      if (at === point) throw new Crash();
    };
    await assert.rejects(preparing({ reached: crash }), Crash);
    const path = releasePath(stateDir, "2.0.0");
    assert.ok(!existsSync(path) || readFileSync(path).equals(program));
    assert.deepEqual(await preparing(), { is: "prepared" });
    assertPrepared();
  });
}

test("a file that is held for a moment, as virus scanners do, gets its name afterwards", async () => {
  mkdirSync(dirname(partialPath(stateDir, "2.0.0")), { recursive: true });
  writeFileSync(partialPath(stateDir, "2.0.0"), program);
  let tries = 0;
  await finish(stateDir, "2.0.0", (from, to) => {
    if (++tries < 3) throw Object.assign(new Error("held"), { code: "EBUSY" });
    renameSync(from, to);
  });
  assertPrepared();
  await assert.rejects(finish(stateDir, "2.0.0"), /ENOENT/, "what is not there is not waited for");
});

test("only what is newer, fits, and is signed with the agent's own release key is taken", () => {
  const key = generateKeyPairSync("ed25519").privateKey;
  const good = wantedRelease("2.0.0", program);
  const faultOf = (wanted: WantedRelease, by: typeof running | undefined = running) =>
    refusal(offeredRelease(wanted), by)?.fault;
  assert.equal(faultOf(good), undefined);
  assert.equal(faultOf(wantedRelease("2.0.0", program, { key })), "SIGNATURE");
  assert.equal(faultOf({ ...good, signature: Buffer.alloc(0) }), "SIGNATURE");
  assert.equal(faultOf({ ...good, version: "3.0.0" }), "SIGNATURE", "the version is signed");
  assert.equal(faultOf({ ...good, sha256: Buffer.alloc(32) }), "SIGNATURE", "the digest is signed");
  assert.equal(faultOf({ ...good, sizeBytes: 1n }), "SIGNATURE", "the length is signed");
  assert.equal(faultOf(wantedRelease("1.0.0", program)), "UNFIT", "the same version");
  assert.equal(faultOf(wantedRelease("0.9.0", program)), "UNFIT", "an older version");
  assert.equal(faultOf(wantedRelease("2.0.0", program, { executable: "win32-x64" })), "UNFIT");
  assert.equal(faultOf({ ...good, version: "../../2.0.0" }), "UNFIT");
  assert.equal(faultOf({ ...good, sizeBytes: 400n * 1024n * 1024n }), "UNFIT");
  assert.equal(refusal(offeredRelease(good), undefined)?.fault, "UNFIT", "an agent that cannot be replaced");
});
