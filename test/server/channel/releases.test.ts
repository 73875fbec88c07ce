// Downloading a release on the agent port: who gets which bytes, how many at once, and on from where it broke off.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { ReleaseService } from "@drover/proto/gen/drover/agent/v1/release_pb.ts";
import { openServerStream } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { addRelease, pieceBytes, releaseBlob, uploadPiece } from "../../../server/engine/releases.ts";
import { startRollout } from "../../../server/engine/rolling-out.ts";
import { until } from "../../agent/desktop/until.ts";
import { updatable } from "../../support/fake-agent.ts";
import type { TestMachine } from "../engine/rig.ts";
import { dialler, startRigWithPort } from "./rig.ts";

const { rig, port } = await startRigWithPort();
const { context } = port.engine;

/** Longer than a piece, and not a multiple of one; more than sockets take in for somebody who does not read. */
const bytes = randomBytes(5 * pieceBytes + 12_345);
const added = await addRelease(context, rig.tenantId, {
  version: "2.0.0",
  executable: "linux-x64",
  sizeBytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest(),
  signature: Buffer.alloc(64),
});
assert.ok(added.ok);
const { id } = added.value;
for (let at = 0; at < bytes.length; at += pieceBytes) {
  await uploadPiece(context, rig.tenantId, id, at, bytes.subarray(at, at + pieceBytes));
}

let begun: ReturnType<typeof startRollout> | undefined;
/** A machine on which it is wanted. */
async function wanting(t: TestContext): Promise<TestMachine> {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach(updatable("1.0.0"));
  // Begun when somebody is there who can go first.
  begun ??= startRollout(context, rig.tenantId, { version: "2.0.0", canaryCount: 9, soakMs: undefined });
  assert.ok((await begun).ok);
  await until("it is wanted", () => agent.wantedVersion() === "2.0.0");
  return machine;
}

function download(t: TestContext, key: string, offset = 0, version = "2.0.0") {
  const client = new grpc.Client(`127.0.0.1:${port.agents.port}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  const call = openServerStream(client, ReleaseService.method.download, { version, offset: BigInt(offset) }, metadata);
  call.on("error", () => undefined);
  return call;
}

async function read(call: ReturnType<typeof download>): Promise<Buffer> {
  const messages: Uint8Array[] = [];
  for await (const { data } of call) messages.push(data);
  assert.ok(messages.every((data) => data.length > 0 && data.length <= 256 * 1024));
  return Buffer.concat(messages);
}

test("a machine gets the release that is wanted on it, from any offset on", async (t) => {
  const { key } = await wanting(t);
  assert.ok((await read(download(t, key))).equals(bytes));
  for (const offset of [1, pieceBytes, 2 * pieceBytes + 77, bytes.length - 1, bytes.length]) {
    assert.ok((await read(download(t, key, offset))).equals(bytes.subarray(offset)), `from ${offset} on`);
  }
  await assert.rejects(read(download(t, key, bytes.length + 1)), { code: grpc.status.OUT_OF_RANGE });
});

test("nobody gets it with a key that is not known, nor where it is not wanted, nor another version", async (t) => {
  const { key } = await wanting(t);
  await assert.rejects(read(download(t, "drover_machine_wrong")), { code: grpc.status.UNAUTHENTICATED });
  await assert.rejects(read(download(t, key, 0, "1.0.0")), { code: grpc.status.NOT_FOUND });
  await assert.rejects(read(download(t, key, 0, "")), { code: grpc.status.INVALID_ARGUMENT });
  const windows = await dialler(t, rig, port);
  await windows.dial().attach();
  await assert.rejects(read(download(t, windows.machine.key)), { code: grpc.status.NOT_FOUND });
});

test("only so many machines download at once; who stops, in order or not, makes room for the next", async (t) => {
  const [one, two, three] = await Promise.all([wanting(t), wanting(t), wanting(t)]);
  const slow = [download(t, one.key), download(t, two.key)];
  for (const call of slow) call.pause();
  await Promise.all(slow.map((call) => once(call, "metadata")));
  await assert.rejects(read(download(t, three.key)), { code: grpc.status.RESOURCE_EXHAUSTED });
  slow[0]?.cancel();
  const third = await until("there is room", async () => await read(download(t, three.key)).catch(() => undefined));
  assert.ok(third.equals(bytes));
  assert.ok((await read(slow[1] as ReturnType<typeof download>)).equals(bytes));
});

test("a machine takes one place: its newer download ends the older one, and others get theirs", async (t) => {
  const [one, two] = await Promise.all([wanting(t), wanting(t)]);
  const older = [download(t, one.key), download(t, one.key)];
  for (const call of older) call.pause();
  await Promise.all(older.map((call) => once(call, "metadata")));
  const ends = older.map((call) => new Promise<grpc.StatusObject>((resolve) => call.once("status", resolve)));
  assert.ok((await read(download(t, one.key))).equals(bytes));
  for (const call of older) call.resume();
  for (const { code } of await Promise.all(ends)) assert.equal(code, grpc.status.ABORTED);
  const slow = download(t, one.key);
  slow.pause();
  await once(slow, "metadata");
  assert.ok((await read(download(t, two.key))).equals(bytes));
});

test("a release whose bytes cannot be read is UNAVAILABLE, and no place stays taken", async (t) => {
  const { key } = await wanting(t);
  const blob = releaseBlob(id, 1);
  const piece = await port.blobs.get(blob);
  assert.ok(piece !== undefined);
  await port.blobs.delete(blob);
  const warned = t.mock.method(context.log, "warn");
  for (let i = 0; i < 3; i++) await assert.rejects(read(download(t, key)), { code: grpc.status.UNAVAILABLE });
  const [said, detail] = warned.mock.calls[0]?.arguments ?? [];
  const { release, version, piece: number } = detail as Record<string, unknown>;
  assert.deepEqual([said, release, version, number], ["a release could not be handed out", id, "2.0.0", 1]);
  await port.blobs.put(blob, piece);
  assert.ok((await read(download(t, key))).equals(bytes));
});
