// One attached agent on a real socket: what it is told, what it reports, and streams that are dead in one direction.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import {
  ArtifactKind,
  DesktopState,
  FailureCategory,
  HoldReason,
  InputAmount,
  Verdict,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { status } from "@grpc/grpc-js";
import { artifactBlob } from "../../../server/engine/artifacts.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { halt, resume } from "../../../server/engine/halting.ts";
import { redialGraceMs } from "../../../server/rules/limits.ts";
import type { ArtifactId } from "../../../server/rules/names.ts";
import { until } from "../../agent/desktop/until.ts";
import type { FakeAgent } from "../../support/fake-agent.ts";
import { begin, clear, kinds, lockWaits, TestMachine, told } from "../engine/rig.ts";
import { clocks, dialler, startPort, startRigWithPort } from "./rig.ts";

const { rig, port } = await startRigWithPort();
const { sql } = rig.database;

const ready = { verdict: Verdict.READY, screenWidth: 800, screenHeight: 600 };
const result = (agent: FakeAgent, attemptId: string, number: number, more: object = {}) =>
  agent.say({ case: "result", value: { attemptId, number, input: InputAmount.ALL, durationMs: 1, ...more } });

/** A run whose proof is with the agent. */
async function proving(agent: FakeAgent) {
  const run = await begin(rig);
  const { lease } = await agent.assigned(1);
  return { run, attemptId: lease?.attemptId ?? "" };
}

test("a run goes through an agent, each command once and each result acked, and the agent is told of its end", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run, attemptId } = await proving(agent);
  result(agent, attemptId, 1, { input: InputAmount.NONE, proof: ready });
  for (const number of [2, 3, 4]) {
    await agent.assigned(number);
    result(agent, attemptId, number);
    result(agent, attemptId, number);
  }
  await until("the run's end", async () => (await told(rig, run)) === "SUCCEEDED AFTER_COMMIT");
  assert.equal((await agent.heardOf("resultAck", 7)).number, 4);
  await until("an assignment of nothing", () => agent.all("assignment").at(-1)?.lease === undefined);
  const sent = agent.all("assignment").flatMap((a) => a.command?.number ?? []);
  assert.deepEqual(sent, [1, 2, 3, 4]);
  assert.equal(await machine.status(), "idle");
  await kinds(rig, run);
});

test("a result is acked only when it is saved (G5)", async (t) => {
  const lock = await reserve(t);
  const { dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run, attemptId } = await proving(agent);
  await lock`begin`;
  await lock`select 1 from runs where id = ${run} for update`;
  result(agent, attemptId, 1, { input: InputAmount.NONE, proof: ready });
  await until("it waits to be saved", () => lockWaits(sql));
  const acked = agent.all("beatAck").length;
  await agent.heardOf("beatAck", acked + 1);
  assert.equal(agent.all("resultAck").length, 0);
  await lock`commit`;
  assert.equal((await agent.heardOf("resultAck")).number, 1);
  await clear(rig);
});

test("a cancelled run's agent is told to abandon, and a fenced one frees its machine by its ack", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run, attemptId } = await proving(agent);
  await cancelRun(port.engine.context, rig.tenantId, run);
  await until("the abandon", () => agent.all("assignment").at(-1)?.abandon);
  // It never says how far it came.
  await sql`update attempts set command_deadline_at = now() - interval '1 ms' where id = ${attemptId}`;
  await until("the run's end", async () => (await told(rig, run)) === "CANCELLED BEFORE_COMMIT");
  await until("the end of its lease", async () => (await machine.status()) === "idle");
});

test("an agent that does not acknowledge its assignment is cut, and so is one that acknowledges an older one", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  await agent.heardOf("assignment");
  const { attemptId } = await proving(agent);
  agent.acks = false;
  result(agent, attemptId, 1, { input: InputAmount.NONE, proof: ready });
  const { epoch } = await agent.assigned(2);
  agent.ack(epoch, 1);
  assert.match((await agent.end()).details, /not acknowledged/);
  await until("its silence", async () => (await machine.status()) === "reattaching");
  await clear(rig);
});

test("an agent that leaves a stream on which it hears nothing has a shorter time to come back, and says that it will (G1, G9)", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run } = await proving(agent);
  agent.say({ case: "goodbye", value: { reason: "no beat is acknowledged", redials: true } });
  await until("its silence", async () => (await machine.status()) === "reattaching");
  const [row] = await sql`
    select extract(epoch from takeover_at - status_since) * 1000 as ms from machines where id = ${machine.id}`;
  assert.equal(Number(row?.["ms"]), redialGraceMs(clocks));
  assert.equal(await told(rig, run), "running");
  await until("takeover", async () => (await machine.status()) === "offline");
  await clear(rig);
});

test("an agent that stops beating is cut after two intervals; its run is handed on at takeover", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run } = await proving(agent);
  const quietAt = performance.now();
  agent.quiet();
  assert.match((await agent.end()).details, /no beat/);
  await until("its silence", async () => (await machine.status()) === "reattaching");
  assert.equal(await told(rig, run), "running");
  await until("takeover", async () => (await machine.status()) === "offline");
  assert.ok(performance.now() - quietAt >= clocks.takeoverMs - clocks.beatMs);
  assert.equal(await told(rig, run), "queued");
  await clear(rig);
});

test("an agent that comes back in time is told its command again under a higher epoch", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run, attemptId } = await proving(agent);
  const { epoch } = await agent.assigned(1);
  agent.stop();
  await until("its silence", async () => (await machine.status()) === "reattaching");
  const again = await dial().attach({ dialNumber: 2n, attemptId, commandNumber: 1, epoch });
  assert.ok((await again.assigned(1)).epoch > epoch);
  result(again, attemptId, 1, { input: InputAmount.NONE, failure: { category: FailureCategory.PROTOCOL } });
  await until("its end", async () => (await told(rig, run)) === "queued");
  await clear(rig);
});

test("a halt reaches the agents that it covers at once, by one wake-up; their attempts hold, and go on (G14)", async (t) => {
  const [one, two] = [await dialler(t, rig, port), await dialler(t, rig, port)];
  const agents = [await one.dial().attach(), await two.dial().attach()];
  const runs = [await begin(rig), await begin(rig)];
  await Promise.all(agents.map((agent) => agent.assigned(1)));
  const published: string[] = [];
  const { context } = port.engine;
  const publish = (topics: Iterable<string>) => {
    const all = [...topics];
    published.push(...all);
    context.wakeup.publish(all);
  };
  const watched = { ...context, wakeup: { ...context.wakeup, publish } };
  const target = { kind: "workflow", name: "notes.save", by: "ward-4" } as const;
  const halted = (agent: FakeAgent) => agent.all("assignment").at(-1)?.halted;
  await halt(watched, rig.tenantId, { ...target, reason: "" });
  await until("all are told", () => agents.every((agent) => halted(agent) === true));
  assert.deepEqual(published, [`halts:${rig.tenantId}`, "holding", "placing"]);
  await until("all hold", async () => (await Promise.all(runs.map((run) => kinds(rig, run)))).every(holding));
  await resume(watched, rig.tenantId, target);
  await until("all are told", () => agents.every((agent) => halted(agent) === false));
  assert.ok(agents.every((agent) => agent.all("assignment").at(-1)?.command?.number === 1));
  await until("all go on", async () => (await Promise.all(runs.map((run) => kinds(rig, run)))).every(goingOn));
  await clear(rig);
});

const holding = (events: readonly string[]) => events.at(-1) === "HOLDING";
const goingOn = (events: readonly string[]) => events.at(-1) === "RESUMED";

test("what beats say of a person and of the desktop is saved when it changes, and holds the attempt (G13, G14)", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const { run } = await proving(agent);
  const saved = async () => {
    const [row] = await sql`select hold, desktop, generation from machines where id = ${machine.id}`;
    return { hold: row?.["hold"], desktop: row?.["desktop"], generation: row?.["generation"] };
  };
  const says = async (hold: HoldReason, desktop: keyof typeof DesktopState) => {
    agent.observed = { hold, desktop: DesktopState[desktop] };
    agent.beat();
    await until("it is saved", async () => (await saved()).desktop === desktop);
    return await saved();
  };
  const first = await says(HoldReason.HUMAN_PRESENT, "PRESENT");
  assert.equal(first.hold, "HUMAN_PRESENT");
  await until("it holds", async () => holding(await kinds(rig, run)));
  const acked = agent.all("beatAck").length;
  agent.beat();
  await agent.heardOf("beatAck", acked + 1);
  assert.deepEqual(await saved(), first, "nothing is written again");
  assert.equal((await says(HoldReason.HALTED, "STUCK")).hold, null, "a halt is not the agent's to say");
  await until("it goes on", async () => goingOn(await kinds(rig, run)));
  await clear(rig);
});

const chunk = (artifactId: string, more: object = {}) => ({
  case: "artifactChunk" as const,
  value: {
    artifactId,
    kind: ArtifactKind.FRAME,
    commandNumber: 1,
    contentType: "image/png",
    totalBytes: 6,
    offset: 0,
    data: Buffer.from("abc"),
    ...more,
  },
});

test("artifacts are put together and stored; what is too large, out of order or another's is refused, and beats go on", async (t) => {
  const { dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  const other = await dialler(t, rig, port);
  const { run, attemptId } = await proving(agent);
  const stranger = await other.dial().attach();
  const ack = (from: FakeAgent, id: string) =>
    until("an answer", () =>
      from.all("artifactAck").find((a) => a.artifactId === id && (a.refused !== "" || a.receivedBytes === 6)),
    );
  const [good, large, disordered, longer, foreign, health] = Array.from({ length: 6 }, randomUUID) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  agent.say(chunk(good, { attemptId }));
  agent.say(chunk(large, { attemptId, totalBytes: 8 * 1024 * 1024 + 1 }));
  agent.say(chunk(disordered, { attemptId, offset: 3 }));
  agent.say(chunk(longer, { attemptId, totalBytes: 2 }));
  agent.say(chunk(good, { attemptId, offset: 3, data: Buffer.from("def") }));
  agent.say(chunk(health, { kind: ArtifactKind.HEALTH, totalBytes: 6, data: Buffer.from("health") }));
  stranger.say(chunk(foreign, { attemptId, data: Buffer.from("foreig") }));
  assert.equal((await ack(agent, good)).refused, "");
  assert.match((await ack(agent, large)).refused, /larger/);
  assert.match((await ack(agent, disordered)).refused, /order/);
  assert.match((await ack(agent, longer)).refused, /longer/);
  assert.match((await ack(stranger, foreign)).refused, /not this machine's/);
  await ack(agent, health);
  assert.equal(Buffer.from(port.blobs.held.get(artifactBlob(run, good as ArtifactId)) ?? []).toString(), "abcdef");
  assert.equal((await sql`select id from artifacts where run_id = ${run}`).length, 1);
  const acked = agent.all("beatAck").length;
  await agent.heardOf("beatAck", acked + 2);
  await clear(rig);
});

test("a message over the limit ends its own stream and no other", async (t) => {
  const [one, two] = [await dialler(t, rig, port), await dialler(t, rig, port)];
  const [large, other] = [await one.dial().attach(), await two.dial().attach()];
  large.say({ case: "goodbye", value: { reason: "x".repeat(2 * 1024 * 1024) } });
  assert.equal((await large.end()).code, status.RESOURCE_EXHAUSTED);
  const acked = other.all("beatAck").length;
  await other.heardOf("beatAck", acked + 2);
  await until("its silence", async () => (await one.machine.status()) !== "idle");
});

test("a message that breaks a rule ends its stream with the field's name", async (t) => {
  const { dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  agent.say({ case: "beat", value: { number: 0n } });
  const { code, details } = await agent.end();
  assert.equal(code, status.INVALID_ARGUMENT);
  assert.match(details, /number/);
});

test("an agent that says goodbye is let go, and its machine is offline after takeover", async (t) => {
  const { machine, dial } = await dialler(t, rig, port);
  const agent = await dial().attach();
  agent.say({ case: "goodbye", value: { reason: "stops" } });
  assert.equal((await agent.end()).code, status.OK);
  await until("offline", async () => (await machine.status()) === "offline");
});

/** A connection for locks. They end with the test, before anything that waits for them is stopped. */
async function reserve(t: TestContext) {
  const lock = await sql.reserve();
  t.after(async () => {
    await lock`rollback`;
    await lock`select pg_advisory_unlock_all()`;
    lock.release();
  });
  return lock;
}

test("no beat is acked after the replica's row has lapsed, and its agents attach anew when it is back (G1)", async (t) => {
  const lock = await reserve(t);
  const own = await startPort(rig);
  t.after(() => own.stop());
  const { machine, dial } = await dialler(t, rig, own);
  const agent = await dial().attach();
  await agent.heardOf("beatAck");
  // Nobody can declare the machine silent meanwhile, which would end its stream; and renewals wait for the other lock.
  await lock`begin`;
  await lock`select 1 from machines where id = ${machine.id} for update`;
  await lock`select pg_advisory_lock(7243190118)`;
  await until("the lapse", () => own.engine.replica.life() === undefined);
  const acked = agent.all("beatAck").length;
  await until("the end of its row", async () => {
    const [row] =
      await sql`select ends_at < clock_timestamp() as ended from replicas where id = ${own.engine.context.replicaId}`;
    return row?.["ended"];
  });
  agent.beat();
  agent.say(chunk(randomUUID(), { attemptId: randomUUID() }));
  await agent.heardOf("artifactAck");
  assert.equal(agent.all("beatAck").length, acked, "what was said after it is answered, and the beat is not");
  await lock`commit`;
  const refused = dial();
  refused.hello({ dialNumber: 2n });
  assert.equal((await refused.end()).code, status.UNAVAILABLE);
  assert.equal(agent.all("beatAck").length, acked);
  await lock`select pg_advisory_unlock(7243190118)`;
  assert.match((await agent.end()).details, /lapsed|silent/);
  assert.equal(agent.all("beatAck").length, acked);
  await until("service", () => own.engine.replica.isLive());
  await dial().attach({ dialNumber: 3n });
  assert.equal(await machine.status(), "idle");
});

test("an agent that is let in while its replica's row lapses is not heard in the row's next life (G1)", async (t) => {
  const lock = await reserve(t);
  const own = await startPort(rig);
  t.after(() => own.stop());
  const { machine, dial } = await dialler(t, rig, own);
  // Letting it in waits for this row, and renewals for this lock.
  await lock`begin`;
  await lock`select 1 from machines where id = ${machine.id} for update`;
  const agent = dial();
  agent.hello();
  await until("it waits", () => lockWaits(sql));
  await lock`select pg_advisory_lock(7243190118)`;
  await until("the lapse", () => own.engine.replica.life() === undefined);
  await lock`select pg_advisory_unlock(7243190118)`;
  await until("the next life", () => (own.engine.replica.life() ?? 0) > 1);
  await lock`commit`;
  await agent.heardOf("welcome");
  agent.beat();
  assert.match((await agent.end()).details, /lapsed|silent/);
  assert.equal(agent.all("beatAck").length, 0);
});

test("a machine that counts as attached without a stream is found and declared silent", async () => {
  const machine = await TestMachine.enrol(rig);
  await machine.attach({}, port.engine.context);
  await until("its silence", async () => (await machine.status()) === "reattaching");
});
