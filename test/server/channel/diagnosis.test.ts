// What an agent's doctor hears on the agent port, over a real socket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DiagnosisService, KeyState } from "@drover/proto/gen/drover/agent/v1/diagnosis_pb.ts";
import { callUnary } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import { TestMachine } from "../engine/rig.ts";
import { startPort, startRigWithPort } from "./rig.ts";

const { rig, port } = await startRigWithPort();

async function diagnose(key: string | undefined, at = port) {
  const client = new grpc.Client(`127.0.0.1:${at.agents.port}`, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  if (key !== undefined) metadata.set("authorization", `Bearer ${key}`);
  try {
    return await callUnary(client, DiagnosisService.method.diagnose, {}, {}, metadata);
  } finally {
    client.close();
  }
}

test("whoever asks is told the calendar and the protocol, and what the key is worth", async () => {
  const machine = await TestMachine.enrol(rig);
  const before = Date.now();
  const answer = await diagnose(machine.key);
  assert.ok(Math.abs(Number(answer.unixMs) - before) < 60_000);
  assert.deepEqual(answer.protocolVersions, [1]);
  assert.equal(answer.key, KeyState.GOOD);
  assert.equal((await diagnose(undefined)).key, KeyState.UNSPECIFIED);
  assert.equal((await diagnose("drover_machine_wrong")).key, KeyState.REFUSED);
  await revokeMachine(port.engine.context, rig.tenantId, machine.id);
  assert.equal((await diagnose(machine.key)).key, KeyState.REFUSED);
});

test("a replica that cannot serve says so and nothing else", async (t) => {
  const lapsed = await startPort(rig);
  t.after(() => lapsed.stop());
  await lapsed.engine.stop();
  await assert.rejects(diagnose(undefined, lapsed), { code: grpc.status.UNAVAILABLE });
});
