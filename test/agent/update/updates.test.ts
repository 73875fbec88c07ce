// What an agent says and does about releases on its stream: a whole agent, a fake control plane, a real socket.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { serverAddress } from "../../../agent/connection/server-address.ts";
import { silentLog } from "../../../agent/log.ts";
import type { ReleaseNews } from "../../../agent/update/news.ts";
import { saveRecord } from "../../../agent/update/release-record.ts";
import { partialPath, releasePath } from "../../../agent/update/releases-on-disk.ts";
import { Updates, type UpdatesOptions } from "../../../agent/update/updates.ts";
import {
  ReleaseFault,
  type ReleaseReport,
  ReleaseReportSchema,
  ReleaseState,
  WantedReleaseSchema,
} from "../../../proto/gen/drover/agent/v1/channel_pb.ts";
import { type AgentRig, assign, startRig } from "../../support/agent-rig.ts";
import type { FakeStream } from "../../support/fake-server.ts";
import { publicKeyOf, releaseKey, wantedRelease } from "../../support/made-release.ts";
import { until } from "../desktop/until.ts";

const bytes = Buffer.alloc(200_000, "the next release ");
const wanted = wantedRelease("0.2.0", bytes);

let stateDir: string;
let news: ReleaseNews[];
let rig: AgentRig;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "drover-updates-"));
  news = [];
});

afterEach(async () => {
  await rig.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

async function attached({ canBeReplaced = true } = {}): Promise<FakeStream> {
  const tell = (told: ReleaseNews) => void news.push(told);
  const replaceable = { executable: "linux-x64", releaseKey: publicKeyOf(releaseKey), tell };
  rig = await startRig({ stateDir, ...(canBeReplaced && { replaceable }) });
  rig.server.releases.set("0.2.0", bytes);
  return rig.server.welcome();
}

const nameIn = (numbers: Readonly<Record<string, number>>, wanted: number) =>
  Object.keys(numbers).find((name) => numbers[name] === wanted);
const said = ({ version, state, fault }: ReleaseReport) =>
  `${version} ${nameIn(ReleaseState, state)}${fault === ReleaseFault.UNSPECIFIED ? "" : ` ${nameIn(ReleaseFault, fault)}`}`;

/** What is said of a wanted release. */
async function reportOf(stream: FakeStream, value: typeof wanted, count = 1): Promise<string> {
  stream.say({ case: "wantedRelease", value });
  return said(await stream.heardOf("releaseReport", count));
}

test("a wanted release is prepared and reported, and reported again on the next stream", async () => {
  const stream = await attached();
  assert.equal((await stream.heardOf("hello")).inventory?.executable, "linux-x64");
  assert.equal(await reportOf(stream, wanted), "0.2.0 PREPARED");
  assert.deepEqual(readFileSync(releasePath(stateDir, "0.2.0")), bytes);
  stream.refuse(grpc.status.UNAVAILABLE, "gone");
  assert.equal(await reportOf(await rig.server.welcome(2), wanted), "0.2.0 PREPARED");
  assert.equal(rig.server.downloads.length, 1);
});

test("beats are acknowledged while a release comes in, and never wait behind it", async () => {
  const stream = await attached();
  rig.server.brokenOff.push(
    ...Array.from({ length: 3 }, () => ({ afterBytes: 0, code: grpc.status.RESOURCE_EXHAUSTED })),
  );
  stream.say({ case: "wantedRelease", value: wanted });
  await until("a download is begun", () => rig.server.downloads.length > 0);
  const before = stream.all("beat").length;
  await stream.heardOf("beat", before + 5);
  assert.equal(stream.closed, false);
});

test("the supervisor is told that the agent has attached after the first acknowledged beat, and once", async () => {
  const first = await attached();
  first.acksBeats = false;
  await first.heardOf("beat");
  assert.deepEqual(news, []);
  first.ackBeat(1n);
  await until("it is told", () => news.length === 1);
  first.refuse(grpc.status.UNAVAILABLE, "gone");
  const second = await rig.server.welcome(2);
  await second.heardOf("beat", 3);
  assert.deepEqual(news, [{ release: "attached" }]);
});

test("the release that runs, or none, is nothing to be said about", async () => {
  const stream = await attached();
  stream.say({ case: "wantedRelease", value: wantedRelease("0.1.0", bytes) });
  stream.say({ case: "wantedRelease", value: { version: "" } });
  assert.equal(await reportOf(stream, wanted), "0.2.0 PREPARED");
  assert.equal(stream.all("releaseReport").length, 1);
});

test("a release that is not signed with the agent's release key is refused, and not a byte of it is downloaded", async () => {
  const stream = await attached();
  const key = generateKeyPairSync("ed25519").privateKey;
  assert.equal(await reportOf(stream, wantedRelease("0.2.0", bytes, { key })), "0.2.0 FAILED SIGNATURE");
  assert.equal(await reportOf(stream, wantedRelease("0.0.9", bytes), 2), "0.0.9 FAILED UNFIT");
  assert.equal(rig.server.downloads.length, 0);
});

test("an agent that cannot be replaced says so, and does nothing on a grant", async () => {
  const stream = await attached({ canBeReplaced: false });
  assert.equal((await stream.heardOf("hello")).inventory?.executable, "");
  assert.equal(await reportOf(stream, wanted), "0.2.0 FAILED UNFIT");
  stream.say({ case: "releaseGrant", value: { version: "0.2.0" } });
  await stream.heardOf("beat", stream.all("beat").length + 3);
  assert.equal(stream.all("goodbye").length, 0);
});

test("another release that is wanted meanwhile takes the place of the one before", async () => {
  const stream = await attached();
  const newer = Buffer.from("the release after it");
  rig.server.releases.set("0.3.0", newer);
  rig.server.brokenOff.push({ afterBytes: 100_000, code: grpc.status.UNAVAILABLE });
  stream.say({ case: "wantedRelease", value: wanted });
  await until("a part is there", () => rig.server.downloads.length === 1);
  assert.equal(await reportOf(stream, wantedRelease("0.3.0", newer)), "0.3.0 PREPARED");
  assert.equal(stream.all("releaseReport").length, 1);
  assert.throws(() => readFileSync(partialPath(stateDir, "0.2.0")), "the part of the other one is removed");
});

test("a download that failed is tried again when the stream begins anew", async () => {
  const stream = await attached();
  rig.server.releases.clear();
  assert.equal(await reportOf(stream, wanted), "0.2.0 FAILED DOWNLOAD");
  assert.equal(await reportOf(stream, wanted, 2), "0.2.0 FAILED DOWNLOAD");
  assert.equal(rig.server.downloads.length, 1);
  rig.server.releases.set("0.2.0", bytes);
  stream.refuse(grpc.status.UNAVAILABLE, "gone");
  assert.equal(await reportOf(await rig.server.welcome(2), wanted), "0.2.0 PREPARED");
});

test("a bad entry where releases should be is reported, and the agent goes on", async () => {
  const stream = await attached();
  writeFileSync(join(stateDir, "releases"), "a file where the folder should be");
  assert.equal(await reportOf(stream, wanted), "0.2.0 FAILED DISK");
  await goesOn(stream);
});

/** What an agent does about releases without its agent: for what takes minutes in one. */
async function updatesAlone(changes: Partial<UpdatesOptions> = {}) {
  rig = await startRig({ stateDir });
  await rig.server.welcome();
  const reports: string[] = [];
  const updates = new Updates({
    ...{ stateDir, log: silentLog, random: () => 0.5, tell: () => {} },
    running: { version: "0.1.0", executable: "linux-x64", releaseKey: publicKeyOf(releaseKey) },
    report: (report) => void reports.push(said(create(ReleaseReportSchema, report))),
    pauses: { firstMs: 1, longestMs: 2, busyMs: 1, failedMs: 20 },
    ...changes,
  });
  rig.server.releases.set("0.2.0", bytes);
  updates.streamBegan({ server: serverAddress(rig.server.url), machineKey: "key-1" });
  return { updates, reports };
}

test("a download that failed is tried again while its release is wanted, and not afterwards", async () => {
  const { updates, reports } = await updatesAlone();
  rig.server.releases.clear();
  updates.wanted(wanted);
  await until("it failed twice", () => reports.length >= 2);
  assert.deepEqual(new Set(reports), new Set(["0.2.0 FAILED DOWNLOAD"]));
  rig.server.releases.set("0.2.0", bytes);
  await until("it is prepared", () => reports.at(-1) === "0.2.0 PREPARED");

  rig.server.releases.set("0.3.0", bytes);
  const missing = wantedRelease("0.4.0", bytes);
  updates.wanted(missing);
  await until("another one failed", () => reports.at(-1) === "0.4.0 FAILED DOWNLOAD");
  updates.wanted(wantedRelease("0.3.0", bytes));
  await until("a third one is prepared", () => reports.at(-1) === "0.3.0 PREPARED");
  const before = rig.server.downloads.length;
  // Several times as long as the pause.
  await rig.server.stream().then((stream) => stream.heardOf("beat", stream.all("beat").length + 4));
  assert.equal(rig.server.downloads.length, before);
});

test("a bug in a preparation is reported as a fault, and does not end the agent", async () => {
  const { updates, reports } = await updatesAlone({
    random: () => {
      throw new Error("a bug");
    },
  });
  rig.server.brokenOff.push({ afterBytes: 0, code: grpc.status.UNAVAILABLE });
  updates.wanted(wanted);
  await until("it is reported", () => reports.length === 1);
  assert.deepEqual(reports, ["0.2.0 FAILED DISK"]);
});

test("a release that is wanted no more, and at once again, is not prepared twice at a time", async () => {
  const { updates, reports } = await updatesAlone();
  const large = Buffer.alloc(32 * 1024 * 1024, "so large that its digest takes a while ");
  mkdirSync(join(stateDir, "releases", "0.2.0"), { recursive: true });
  writeFileSync(partialPath(stateDir, "0.2.0"), large);
  updates.wanted(wantedRelease("0.2.0", large));
  // By now its digest is taken.
  await new Promise(setImmediate);
  updates.wanted(create(WantedReleaseSchema, {}));
  updates.wanted(wantedRelease("0.2.0", large));
  await until("it is reported", () => reports.length > 0);
  assert.deepEqual(reports, ["0.2.0 PREPARED"]);
});

test("a grant ends an idle agent with a goodbye, to come back as the release", async () => {
  const stream = await attached();
  await reportOf(stream, wanted);
  stream.say({ case: "releaseGrant", value: { version: "0.2.0" } });
  await stream.heardOf("goodbye");
  const sha256 = Buffer.from(wanted.sha256).toString("hex");
  const release = { version: "0.2.0", sizeBytes: bytes.length, sha256 };
  assert.deepEqual(await rig.agent.done, { why: "REPLACED", release });
});

/** Waits for beats, to see that the agent goes on, and for as long as a goodbye would take. */
async function goesOn(stream: FakeStream): Promise<void> {
  await stream.heardOf("beat", stream.all("beat").length + 3);
  assert.equal(stream.all("goodbye").length, 0);
}
const granted = { case: "releaseGrant", value: { version: "0.2.0" } } as const;

test("a grant for a release that is not ready is not followed", async () => {
  const stream = await attached();
  stream.say(granted);
  await reportOf(stream, wanted);
  await goesOn(stream);
  stream.say({ case: "releaseGrant", value: { version: "0.3.0" } });
  await goesOn(stream);
});

test("a grant is not followed while an attempt is assigned, and is when the next assignment is none", async () => {
  const stream = await attached();
  await reportOf(stream, wanted);
  stream.say(assign(1, { case: "screenshot", value: {} }));
  await stream.result(1);
  stream.say(granted);
  await goesOn(stream);
  stream.say({ case: "assignment", value: { epoch: 2n } });
  await stream.heardOf("goodbye");
});

test("a grant is forgotten when another attempt is assigned, or the stream ends", async () => {
  const first = await attached();
  await reportOf(first, wanted);
  const screenshot = { case: "screenshot", value: {} } as const;
  first.say(assign(1, screenshot));
  await first.result(1);
  first.say(granted);
  first.say(assign(1, screenshot, { epoch: 2n, attemptId: "a2" }));
  await first.result(1, 2);
  first.say({ case: "assignment", value: { epoch: 3n } });
  await goesOn(first);
  first.say(assign(1, screenshot, { epoch: 4n, attemptId: "a3" }));
  await first.result(1, 3);
  first.say(granted);
  await goesOn(first);
  first.refuse(grpc.status.UNAVAILABLE, "gone");
  const second = await rig.server.welcome(2);
  second.say({ case: "assignment", value: { epoch: 5n } });
  await goesOn(second);
});

test("a release that was given up is told of, and not prepared again until another one was wanted", async () => {
  const installed = { is: "installed" } as const;
  const failed = { version: "0.2.0", fault: "NOT_ATTACHED" } as const;
  saveRecord(stateDir, { is: "settled", current: installed, previous: installed, failed });
  const stream = await attached();
  const { failedRelease } = await stream.heardOf("hello");
  assert.equal(failedRelease && said(failedRelease), "0.2.0 FAILED NOT_ATTACHED");
  assert.equal(await reportOf(stream, wanted), "0.2.0 FAILED NOT_ATTACHED");
  assert.equal(rig.server.downloads.length, 0);
  const newer = Buffer.from("the release after it");
  rig.server.releases.set("0.3.0", newer);
  assert.equal(await reportOf(stream, wantedRelease("0.3.0", newer), 2), "0.3.0 PREPARED");
  assert.deepEqual(news.at(-1), { release: "wanted", version: "0.3.0" });
  assert.equal(await reportOf(stream, wanted, 3), "0.2.0 PREPARED");
});

test("releases that nobody needs any more are removed when another one is prepared", async () => {
  const stream = await attached();
  const ran = (version: string) => ({ is: "release", release: { version, sizeBytes: 1, sha256: "00" } }) as const;
  saveRecord(stateDir, { is: "settled", current: ran("0.0.8"), previous: ran("0.0.7") });
  for (const version of ["0.0.6", "0.0.7", "0.0.8"]) {
    mkdirSync(join(stateDir, "releases", version), { recursive: true });
    writeFileSync(releasePath(stateDir, version), "x");
  }
  await reportOf(stream, wanted);
  for (const version of ["0.0.7", "0.0.8", "0.2.0"]) readFileSync(releasePath(stateDir, version));
  assert.throws(() => readFileSync(releasePath(stateDir, "0.0.6")));
});
