// What a supervisor starts, over a real file system. A crash is what lies on the disk at a point, taken up by another
// supervisor.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { silentLog } from "../../../agent/log.ts";
import type { Release } from "../../../agent/update/release.ts";
import { loadRecord } from "../../../agent/update/release-record.ts";
import { releasePath } from "../../../agent/update/releases-on-disk.ts";
import { Succession, type SuccessionOptions } from "../../../agent/update/succession.ts";

const scratch = mkdtempSync(join(tmpdir(), "drover-succession-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let stateDir: string;
let states = 0;
beforeEach(() => {
  stateDir = join(scratch, `state-${++states}`);
  mkdirSync(stateDir);
});

function placed(version: string): Release {
  const bytes = Buffer.from(`release ${version}`);
  const path = releasePath(stateDir, version);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return { version, sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

const supervisor = (of: string, changes: Partial<SuccessionOptions> = {}) =>
  new Succession({ stateDir: of, installedVersion: "1.0.0", log: silentLog, ...changes });

/** Which version starts next. */
async function nextOf(succession: Succession): Promise<string> {
  const { path } = await succession.next();
  return path === undefined ? "installed" : readFileSync(path, "utf8").replace("release ", "");
}

/** Has `stateDir` run this release. */
async function runsOn(release: Release): Promise<Succession> {
  const succession = supervisor(stateDir);
  succession.heard({ release: "try", candidate: release });
  assert.equal(await nextOf(succession), release.version);
  succession.heard({ release: "attached" });
  return succession;
}

test("without a record, or with a damaged one, the installed program starts", async () => {
  assert.equal(await nextOf(supervisor(stateDir)), "installed");
  for (const damaged of ["", "{", "null", '{"is":"settled"}', '{"is":"trying","candidate":{"version":"../2.0.0"}}']) {
    writeFileSync(join(stateDir, "release.json"), damaged);
    assert.equal(await nextOf(supervisor(stateDir)), "installed", damaged);
  }
});

test("a release that attached is what other supervisors start, too", async () => {
  await runsOn(placed("2.0.0"));
  assert.equal(await nextOf(supervisor(stateDir)), "2.0.0");
  await runsOn(placed("3.0.0"));
  assert.equal(await nextOf(supervisor(stateDir)), "3.0.0");
});

test("a damaged release is not started: the one before it is, down to the installed program", async () => {
  await runsOn(placed("2.0.0"));
  await runsOn(placed("3.0.0"));
  appendFileSync(releasePath(stateDir, "3.0.0"), "!");
  assert.equal(await nextOf(supervisor(stateDir)), "2.0.0");
  rmSync(releasePath(stateDir, "2.0.0"));
  assert.equal(await nextOf(supervisor(stateDir)), "installed");
});

test("a damaged candidate is given up without having been started", async () => {
  const succession = await runsOn(placed("2.0.0"));
  const candidate = placed("3.0.0");
  writeFileSync(releasePath(stateDir, "3.0.0"), "release 6.6.6");
  succession.heard({ release: "try", candidate });
  assert.equal(await nextOf(succession), "2.0.0");
  const record = loadRecord(stateDir);
  assert.deepEqual(record.is === "settled" && record.failed, { version: "3.0.0", fault: "DIGEST" });
});

test("all starts of a candidate share the time of its trial", async () => {
  const succession = supervisor(stateDir, { trialMs: 60_000 });
  succession.heard({ release: "try", candidate: placed("2.0.0") });
  const first = (await succession.next()).trialMs ?? 0;
  const second = (await succession.next()).trialMs ?? 0;
  assert.ok(first === 60_000 && second < first, `${first} and then ${second}`);
  assert.equal((await succession.next()).trialMs, undefined);
});

test("a candidate whose start cannot be recorded is not started", async () => {
  const succession = supervisor(stateDir);
  const candidate = placed("2.0.0");
  // Nobody writes to a folder, not even root.
  mkdirSync(join(stateDir, "release.json.new"));
  succession.heard({ release: "try", candidate });
  assert.equal(await nextOf(succession), "installed");
});

test("what a supervisor does not understand changes nothing", async () => {
  const succession = await runsOn(placed("2.0.0"));
  const before = loadRecord(stateDir);
  for (const news of [null, 7, "try", { release: "dance" }, { release: "try", candidate: { version: "3.0.0" } }]) {
    succession.heard(news);
  }
  assert.deepEqual(loadRecord(stateDir), before);
});

/** How a candidate fares: attaches on its `attaches`-th start, or never. */
const fates = { "attaches at once": 1, "attaches on its second start": 2, "never attaches": 9 } as const;

for (const [fate, attaches] of Object.entries(fates)) {
  test(`when the supervisor is killed at any point of a trial that ${fate}, a program that works runs in the end`, async () => {
    await runsOn(placed("2.0.0"));
    const candidate = placed("3.0.0");
    const images: { point: string; dir: string }[] = [];
    const reached = (point: string) => {
      const dir = join(scratch, `image-${++states}`);
      cpSync(stateDir, dir, { recursive: true });
      images.push({ point, dir });
    };
    const succession = supervisor(stateDir, { reached });
    await succession.next();
    succession.heard({ release: "try", candidate });
    const last = await playedOut(succession, attaches);
    assert.equal(last, attaches <= 2 ? "3.0.0" : "2.0.0");
    // Asked and started at least; each leaves an image before and after its rename.
    assert.ok(images.length >= 6, `${images.length} images`);
    for (const { point, dir } of images) {
      const ran = await playedOut(supervisor(dir), attaches);
      // Killed before it was recorded, or after two starts, the older one is right; never one that does not attach.
      assert.ok(ran === "2.0.0" || (ran === "3.0.0" && attaches <= 2), `${ran} after ${point}`);
      const record = loadRecord(dir);
      assert.equal(record.is, "settled", point);
    }
  });
}

/** Lets programs start and die until one attaches, and tells which. Works like a world in which 2.0.0 attaches. */
async function playedOut(succession: Succession, attaches: number): Promise<string> {
  for (let starts = 1; starts <= 4; starts++) {
    const version = await nextOf(succession);
    if (version === "2.0.0" || starts >= attaches) {
      succession.heard({ release: "attached" });
      return version;
    }
  }
  throw new Error("nothing has attached after four starts");
}
