import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Artifact, ArtifactQueue, CHUNK_BYTES, newArtifactId, WINDOW_BYTES } from "../../agent/artifacts.ts";
import { simulatedSight, TINY_PNG } from "../../agent/desktop/simulated-sight.ts";
import { decodePng } from "../../agent/vision/png.ts";
import { ArtifactKind } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { type AgentRig, assign, startRig, typing } from "../support/agent-rig.ts";
import { until } from "./desktop/until.ts";

const picture = (kind: ArtifactKind, length: number): Artifact => ({
  ...{ id: newArtifactId(), kind, attemptId: "a", commandNumber: 1, contentType: "image/png" },
  bytes: new Uint8Array(length),
});
const MiB = 1024 * 1024;

test("at most 256 KiB are unacknowledged, in chunks of at most 64 KiB, in order", () => {
  const queue = new ArtifactQueue();
  const artifact = picture(ArtifactKind.FRAME, MiB);
  queue.add(artifact);
  const offsets = [];
  for (let chunk = queue.nextChunk(); chunk !== undefined; chunk = queue.nextChunk()) {
    assert.ok(chunk.data.length <= CHUNK_BYTES);
    offsets.push(chunk.offset);
  }
  assert.deepEqual(
    offsets,
    [0, 1, 2, 3].map((number) => number * CHUNK_BYTES),
  );
  queue.acknowledged(artifact.id, CHUNK_BYTES, false);
  assert.equal(queue.nextChunk()?.offset, WINDOW_BYTES);
  assert.equal(queue.nextChunk(), undefined);
});

test("a new stream starts an unfinished artifact over, and a refused one is sent no further", () => {
  const queue = new ArtifactQueue();
  const artifact = picture(ArtifactKind.FRAME, MiB);
  queue.add(artifact);
  queue.nextChunk();
  queue.streamBegan(0);
  assert.equal(queue.nextChunk()?.offset, 0);
  queue.acknowledged(artifact.id, 0, true);
  assert.equal(queue.nextChunk(), undefined);
  assert.equal(queue.size, 0);
});

test("under pressure the oldest frames go, a proof stays, and only the latest health screenshot is kept", () => {
  const queue = new ArtifactQueue();
  const proof = picture(ArtifactKind.PROOF, 4 * MiB);
  queue.add(proof);
  const frames = Array.from({ length: 8 }, () => picture(ArtifactKind.FRAME, 4 * MiB));
  for (const frame of frames) queue.add(frame);
  assert.equal(queue.nextChunk()?.artifact.id, proof.id);
  assert.equal(queue.size, 4);
  queue.acknowledged(proof.id, 0, true);
  assert.equal(queue.nextChunk()?.artifact.id, frames[5]?.id);
  const health = new ArtifactQueue();
  health.add(picture(ArtifactKind.HEALTH, 10));
  const latest = picture(ArtifactKind.HEALTH, 10);
  health.add(latest);
  assert.equal(health.size, 1);
  assert.equal(health.nextChunk()?.artifact.id, latest.id);
});

test("the picture that stands for simulated frames is a PNG", () => {
  assert.equal(decodePng(TINY_PNG).width, 1);
});

let rig: AgentRig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

test("beats and results go on while a server takes no more of the pictures", async () => {
  const bytes = new Uint8Array(2 * MiB);
  const sight = { ...simulatedSight(), encode: async () => ({ contentType: "image/png", bytes }) };
  rig = await startRig({ sight });
  const { server } = rig;
  server.onAttach = (stream) => {
    stream.acksArtifacts = false;
  };
  const stream = await server.welcome();
  stream.say(assign(1, typing("a")));
  const result = await stream.result(1);
  await until("the window is full", () => stream.all("artifactChunk").length === 4);
  stream.say(assign(2, typing("b")));
  await stream.result(2);
  const beats = stream.all("beat").length;
  await stream.heardOf("beat", beats + 3);
  const chunks = stream.all("artifactChunk");
  assert.equal(chunks.length, 4);
  assert.ok(chunks.every(({ artifactId }) => result.artifactIds.includes(artifactId)));
  const [first] = chunks;
  assert.ok(first);
  stream.say({ case: "artifactAck", value: { artifactId: first.artifactId, receivedBytes: 0, refused: "unknown" } });
  await until("the next artifact follows", () => stream.all("artifactChunk").length === 8);
});

test("a frame follows each command, and its id is in the result before", async () => {
  rig = await startRig();
  const stream = await rig.server.welcome();
  stream.say(assign(1, typing("a")));
  const { artifactIds } = await stream.result(1);
  const chunk = await stream.heardOf("artifactChunk");
  assert.deepEqual(artifactIds, [chunk.artifactId]);
  assert.equal(chunk.kind, ArtifactKind.FRAME);
  assert.equal(chunk.attemptId, "a1");
  assert.equal(chunk.totalBytes, chunk.data.length);
});

test("health screenshots come by themselves at the server's interval", async () => {
  rig = await startRig();
  const stream = await rig.server.welcome(1, { healthIntervalMs: 60 });
  const chunk = await stream.heardOf("artifactChunk", 3);
  assert.equal(chunk.kind, ArtifactKind.HEALTH);
  assert.equal(chunk.attemptId, "");
});
