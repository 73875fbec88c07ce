// Bad input of every kind, against a running server on which two machines work. Each is refused clearly, and nothing else
// suffers: while it comes in, a run is under way on another machine, and ends well at its first attempt.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { ArtifactKind } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { status } from "@grpc/grpc-js";
import { enrol } from "../../agent/connection/enrolment.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { all, type DroverClient, InvalidRequest } from "../../sdk/index.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import {
  attachSimulated,
  type SimulatedMachine,
  simulatedMousepad,
  simulatedNote,
} from "../support/simulated-machine.ts";

const mib = 1024 * 1024;
const dir = mkdtempSync(join(tmpdir(), "drover-bad-input-"));
const product = new Product();
let database: TestDatabase;
let steady: SimulatedMachine;
let client: DroverClient;
let notes = 0;

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  client = product.client();
  await product.put(simulatedMousepad, simulatedNote("held.note", { held: true }));
  steady = await attachSimulated(product, "steady");
});

after(async () => {
  await steady?.stop();
  await product.stop();
  await database?.drop();
  rmSync(dir, { recursive: true, force: true });
});

/** Does `bad` while a run is under way on the machine `steady`, and sees that this run is none the worse for it. */
async function whileARunIsUnderWay(bad: () => Promise<void>): Promise<void> {
  steady.holdNext();
  const path = `/notes/${++notes}`;
  const run = await client.start("held.note", { path, text: `note ${notes}` });
  const kinds: string[] = [];
  const watching = (async () => {
    const giveUp = AbortSignal.timeout(30_000);
    for await (const event of run.events({ signal: giveUp }))
      kinds.push("step" in event ? `${event.kind} ${event.step}` : event.kind);
  })();
  await until("the run is under way", () => kinds.includes("STEP_STARTED held"));
  try {
    await bad();
    assert.equal(kinds.at(-1), "STEP_STARTED held", "it was under way all the time");
  } finally {
    steady.release();
    await watching;
  }
  assert.deepEqual(await run.result(), { path });
  assert.ok(!kinds.includes("HOLDING"), kinds.join());
  assert.equal((await run.refresh()).attempts.length, 1);
  assert.deepEqual(steady.world.files.get(path), { text: `note ${notes}`, saves: 1 });
  // The editor keeps its text; the next note begins with none.
  const [editor] = steady.world.windows;
  if (editor !== undefined) editor.text = "";
}

async function refusedWith(asked: Promise<unknown>): Promise<InvalidRequest> {
  const error = await asked.then(
    () => assert.fail("it was taken"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof InvalidRequest, String(error));
  return error;
}

/** Another machine of the fleet, played by the test. */
async function otherMachine(): Promise<{ name: string; dial: () => FakeAgent; end: () => void }> {
  const name = `other-${randomUUID().slice(0, 8)}`;
  const { secret } = await client.createToken();
  const server = serverAddress(product.server.agentUrl);
  const { machineKey } = await enrol({ server, token: secret, name, stateDir: join(dir, name) });
  const agents: FakeAgent[] = [];
  return {
    name,
    dial() {
      const agent = new FakeAgent(product.server.agentPort, machineKey);
      agents.push(agent);
      return agent;
    },
    end: () => agents.map((agent) => agent.stop()),
  };
}

test("a workflow that is not YAML is refused with line and column", () =>
  whileARunIsUnderWay(async () => {
    const error = await refusedWith(client.putWorkflow("workflow: broken\nsteps:\n  - press: [ctrl+s\n  - {\n"));
    assert.equal(error.reason, "DEFINITION_INVALID");
    assert.ok(error.violations.length > 0);
    for (const { field, description } of error.violations) {
      assert.equal(field, "source");
      assert.match(description, /^line \d+, column \d+: \S/);
    }
    for await (const { name } of client.workflows()) assert.notEqual(name, "broken");
  }));

test("an action that does not exist is refused by its place, with the one that was meant", () =>
  whileARunIsUnderWay(async () => {
    const source = simulatedNote("unknown.action").replace("press: ctrl+s", "pres: ctrl+s");
    const { reason, violations } = await refusedWith(client.putWorkflow(source));
    assert.equal(reason, "DEFINITION_INVALID");
    assert.equal(violations.length, 1);
    assert.match(
      `${violations[0]?.field}: ${violations[0]?.description}`,
      /^steps\[2\]\.pres: line 11, .*known here\. Did you mean `press`\?$/,
    );
  }));

test("a workflow without a picture that it names, and one with a picture that is none, are refused by the file", () =>
  whileARunIsUnderWay(async () => {
    const source = `${simulatedNote("no.picture").replace("\nresult:", "\n  - click: { image: ok.png }\nresult:")}`;
    const missing = await refusedWith(client.putWorkflow(source));
    assert.equal(missing.reason, "DEFINITION_INVALID");
    assert.match(missing.violations[0]?.description ?? "", /There is no file `ok\.png`\. Put the PNG beside/);
    const noPicture = await refusedWith(client.putWorkflow(source, { "ok.png": Buffer.from("GIF89a, not a PNG") }));
    assert.deepEqual(noPicture.violations, [
      { field: "files.ok.png", description: "is not a PNG of at most 4096 x 4096" },
    ]);
  }));

test("inputs that do not fit the workflow's schema are refused field by field, and no run is made", () =>
  whileARunIsUnderWay(async () => {
    const runs = async () => (await all(client.runs())).length;
    const before = await runs();
    const { reason, violations } = await refusedWith(client.start("held.note", { path: 7 }));
    assert.equal(reason, "INPUTS_INVALID");
    assert.deepEqual(violations.map(({ field }) => field).sort(), ["inputs", "inputs.path"]);
    assert.match(violations.find(({ field }) => field === "inputs")?.description ?? "", /text/);
    assert.equal(await runs(), before);
  }));

test("a screenshot over the limit is refused, and so is one longer than it said; the stream goes on without them", (t) =>
  whileARunIsUnderWay(async () => {
    const { name, dial, end } = await otherMachine();
    t.after(end);
    const agent = await dial().attach();
    const { artifactBytesMax } = await agent.heardOf("welcome");
    const send = (totalBytes: number, data: Uint8Array) => {
      const artifactId = randomUUID();
      const picture = { kind: ArtifactKind.HEALTH, contentType: "image/png", totalBytes, offset: 0, data };
      agent.say({ case: "artifactChunk", value: { artifactId, ...picture } });
      return until("an answer", () => agent.all("artifactAck").find((ack) => ack.artifactId === artifactId));
    };
    assert.equal(
      (await send(artifactBytesMax + 1, Buffer.alloc(1024))).refused,
      `larger than ${artifactBytesMax} bytes`,
    );
    assert.equal((await send(16, Buffer.alloc(1024))).refused, "longer than it said");
    assert.equal((await send(5, Buffer.from("small"))).refused, "");
    assert.equal(Buffer.from(await client.screenshot(name)).toString(), "small");
    await agent.heardOf("beatAck", agent.all("beatAck").length + 1);
    assert.equal(agent.ended, undefined);

    // A piece above the limit of a message cannot be answered: its own stream ends, with the reason.
    const artifactId = randomUUID();
    const piece = { kind: ArtifactKind.HEALTH, contentType: "image/png", totalBytes: 2 * mib, offset: 0 };
    agent.say({ case: "artifactChunk", value: { artifactId, ...piece, data: Buffer.alloc(2 * mib) } });
    const { code, details } = await agent.end();
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /larger than max/);
  }));

test("garbage on both ports is hung up on, and both go on serving", (t) =>
  whileARunIsUnderWay(async () => {
    const random = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 197 + 13) % 256));
    const http2 = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const tls = Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "latin1");
    const garbage = [random, tls, Buffer.concat([http2, random]), Buffer.from("HELO drover\r\n\r\n")];
    const ends = [product.server.apiPort, product.server.agentPort].flatMap((port) =>
      garbage.map(async (bytes) => {
        const socket = connect(port, "127.0.0.1");
        t.after(() => socket.destroy());
        socket.on("error", () => undefined).resume();
        // Not ended from here: it is the server that hangs up.
        socket.write(bytes);
        await until("the garbage is hung up on", () => socket.closed || socket.readableEnded, 15_000);
      }),
    );
    await Promise.all(ends);
    assert.equal((await client.machine("steady")).status, 2);
    const { dial, end } = await otherMachine();
    t.after(end);
    await dial().attach();
  }));

test("a spent token enrols nobody, and says why", () =>
  whileARunIsUnderWay(async () => {
    const { secret } = await client.createToken({ uses: 1 });
    const tokenFile = join(dir, "spent");
    writeFileSync(tokenFile, secret, { mode: 0o600 });
    const enrolling = async (name: string) => {
      const drover = resolve(import.meta.dirname, "../../drover.ts");
      const where = ["--server", product.server.agentUrl, "--state", join(dir, name), "--token-file", tokenFile];
      const child = spawn(process.execPath, [drover, "agent", "enrol", ...where, "--name", name], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      const [err, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
      return { err, code: code as number };
    };
    assert.equal((await enrolling("first")).code, 0);
    const second = await enrolling("second");
    assert.notEqual(second.code, 0);
    assert.match(second.err, /the enrolment token is unknown, expired, revoked or spent/);
    assert.doesNotMatch(second.err, /\n\s+at /, "for people, without a stack");
    assert.ok(!second.err.includes(secret));
    const names = (await all(client.machines())).map(({ name }) => name);
    assert.ok(names.includes("first") && !names.includes("second"), names.join());
  }));

test("a cloned machine's key is refused while the first one works, even in the middle of its run, and is told of", (t) =>
  whileARunIsUnderWay(async () => {
    const clone = new FakeAgent(product.server.agentPort, steady.key);
    t.after(() => clone.stop());
    const inventory = { platform: "simulated", os: "none", applications: [{ name: "mousepad", version: "" }] };
    clone.hello({
      incarnation: { bootId: "boot-of-the-clone", startId: "start-of-the-clone", holdsLock: true },
      inventory,
    });
    assert.deepEqual(await clone.end(), {
      code: status.ALREADY_EXISTS,
      details: "another living agent is attached with this machine's key",
    });
    assert.deepEqual(clone.all("assignment"), [], "it was told nothing of the run");
    const told = product.server.log.find((line) => line.includes("a cloned machine?"));
    assert.match(told ?? "", /"machine":"steady"/);
  }));

test("an agent with another protocol, too old or too new, is told which one is served", (t) =>
  whileARunIsUnderWay(async () => {
    const { name, dial, end } = await otherMachine();
    t.after(end);
    for (const protocolVersion of [0, 2]) {
      const agent = dial();
      agent.hello({ protocolVersion });
      assert.deepEqual(await agent.end(), {
        code: status.FAILED_PRECONDITION,
        details: `protocol version ${protocolVersion} is not served here; version 1 is. Install an agent that speaks it.`,
      });
    }
    assert.equal((await client.machine(name)).status, 4, "it counts as offline, and no run is placed on it");
  }));
