// The agent port on a real socket: who is let in, and what is refused how.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { learn } from "../../../server/engine/attaching.ts";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import type { Inventory } from "../../../server/rules/machine.ts";
import { until } from "../../agent/desktop/until.ts";
import { clocks, dialler, startPort, startRigWithPort } from "./rig.ts";

const { rig, port } = await startRigWithPort();

test("an agent says Hello, is welcomed with the clocks, and its beats are acked by number", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const welcome = await agent.heardOf("welcome");
  assert.equal(welcome.machineId, machine.id);
  assert.deepEqual([welcome.beatIntervalMs, welcome.stopAfterMs], [clocks.beatMs, clocks.agentStopMs]);
  assert.equal((await agent.heardOf("beatAck", 3)).number, 3n);
  assert.equal(await machine.status(), "idle");
});

test("what an agent says of its machine later is kept; what an ended session says is not", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  await agent.heardOf("beatAck");
  const read = async () => {
    const [row] = await rig.context.database.sql`select inventory, applications from machines where id = ${machine.id}`;
    return row as { inventory: Inventory; applications: string[] };
  };
  const { inventory: said } = await read();
  const applications = [{ name: "notes", version: "2" }];
  agent.say({ case: "inventory", value: { platform: "windows", capture: "gdi", dpi: 120, applications } });
  const now = await until("the inventory is kept", async () => {
    const row = await read();
    return row.inventory.capture === "gdi" && row;
  });
  const { platform, dpi, agentVersion } = now.inventory;
  assert.deepEqual({ platform, dpi, agentVersion }, { platform: "windows", dpi: 120, agentVersion: said.agentVersion });
  assert.deepEqual([now.inventory.applications, now.applications], [applications, ["notes"]]);
  await learn(port.engine.context, machine.id, crypto.randomUUID(), { ...said, capture: "late" });
  assert.equal((await read()).inventory.capture, "gdi");
});

test("an unknown key, none, and a revoked one are UNAUTHENTICATED; a revoked one ends its open stream", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  for (const key of ["", "drover_machine_wrong"]) assert.equal((await dial(key).end()).code, status.UNAUTHENTICATED);
  const agent = await dial().attach();
  await revokeMachine(port.engine.context, rig.tenantId, machine.id);
  assert.equal((await agent.end()).code, status.UNAUTHENTICATED);
  const again = dial();
  again.hello({ dialNumber: 2n });
  assert.equal((await again.end()).code, status.UNAUTHENTICATED);
});

test("a first message that is no Hello, a Hello without its fields, and a second Hello are INVALID_ARGUMENT", async (t) => {
  const { dial } = await dialler(t, rig, port);
  const beating = dial();
  beating.beat();
  assert.deepEqual(await beating.end(), {
    code: status.INVALID_ARGUMENT,
    details: "message: the first message must be a Hello",
  });
  const empty = dial();
  empty.say({ case: "hello", value: { protocolVersion: 1 } });
  const { code, details } = await empty.end();
  assert.equal(code, status.INVALID_ARGUMENT);
  assert.match(details, /hello\.incarnation/);
  const twice = await dial().attach();
  twice.hello({ dialNumber: 2n });
  assert.equal((await twice.end()).code, status.INVALID_ARGUMENT);
});

test("another protocol version is FAILED_PRECONDITION, and told which one is served", async (t) => {
  const { dial } = await dialler(t, rig, port);
  for (const protocolVersion of [0, 2]) {
    const agent = dial();
    agent.hello({ protocolVersion });
    const { code, details } = await agent.end();
    assert.equal(code, status.FAILED_PRECONDITION);
    assert.match(details, new RegExp(`version ${protocolVersion} is not served here; version 1 is`));
  }
});

test("garbage on the port and silence on a connection disturb nobody", async (t) => {
  const { dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const garbage = connect(port.agents.port, "127.0.0.1");
  t.after(() => garbage.destroy());
  garbage.on("error", () => undefined);
  garbage.write(Buffer.from("GET / HTTP/1.1\r\n\r\n\0\u0001\u0002 nonsense"));
  await until("the end of the garbage", () => garbage.closed || garbage.readableEnded || garbage.bytesRead > 0);
  const acked = agent.all("beatAck").length;
  await agent.heardOf("beatAck", acked + 3);
});

test("a cloned machine is ALREADY_EXISTS while the first one beats, and let in when that one is gone", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const first = await dial().attach();
  const incarnation = { bootId: "boot-2", startId: "start-0002", holdsLock: true };
  const clone = dial();
  clone.hello({ incarnation });
  assert.equal((await clone.end()).code, status.ALREADY_EXISTS);
  const neighbour = dial();
  neighbour.hello({ incarnation: { bootId: "boot-1", startId: "start-0003", holdsLock: true } });
  assert.equal((await neighbour.end()).code, status.ALREADY_EXISTS);
  const copy = dial();
  copy.hello();
  assert.equal((await copy.end()).code, status.ALREADY_EXISTS);
  assert.equal(first.ended, undefined);
  first.stop();
  await until("its silence", async () => (await machine.status()) !== "idle");
  await dial().attach({ incarnation });
  assert.equal(await machine.status(), "idle");
});

test("the same agent dialling again takes its machine over from its older stream, which ends", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const first = await dial().attach();
  const second = await dial().attach({ dialNumber: 2n });
  assert.equal((await first.end()).code, status.UNAVAILABLE);
  await second.heardOf("beatAck", 3);
  assert.equal(await machine.status(), "idle");
});

test("a replica that stops tells its agents where else to go, and they attach there", async (t) => {
  const [one, two] = [await startPort(rig), await startPort(rig)];
  t.after(() => Promise.all([one.stop(), two.stop()]));
  const { machine, dial } = await dialler(t, rig, one);
  const agent = await dial().attach();
  const address = `http://127.0.0.1:${two.agents.port}`;
  await one.stop([address]);
  assert.deepEqual((await agent.heardOf("goAway")).addresses, [address]);
  assert.equal((await agent.end()).code, status.UNAVAILABLE);
  await dial(machine.key, two).attach({ dialNumber: 2n });
  assert.equal(await machine.status(), "idle");
});
