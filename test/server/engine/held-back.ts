// One case for each way in which something alone holds a run back, and how the product takes that away again.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { learn, silent } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { cordonMachine } from "../../../server/engine/cordoning.ts";
import { revokeMachine } from "../../../server/engine/enrolling.ts";
import { halt, resume } from "../../../server/engine/halting.ts";
import { removeLimit, setLimit } from "../../../server/engine/limiting.ts";
import { observe } from "../../../server/engine/observing.ts";
import { pause, unpause } from "../../../server/engine/pausing.ts";
import { addRelease, uploadPiece } from "../../../server/engine/releases.ts";
import { startRollout } from "../../../server/engine/rolling-out.ts";
import { reportRelease } from "../../../server/engine/updating.ts";
import type { HaltKind } from "../../../server/rules/halt.ts";
import type { Observed } from "../../../server/rules/machine.ts";
import type { MachineId, PoolId, RunId } from "../../../server/rules/names.ts";
import type { LimitKind, PauseKind } from "../../../server/rules/route.ts";
import type { WaitReason } from "../../../server/rules/wait-reason.ts";
import { findPool } from "../../../server/store/pools.ts";
import { lockPool } from "../../../server/store/queue.ts";
import { until } from "../../agent/desktop/until.ts";
import { begin, put, type Rig, TestMachine, told, workflowSource } from "./rig.ts";

/** A run that waits for one reason only. */
export interface HeldBack {
  readonly run: RunId;
  /** What is told of the reason: nothing, if it is not given. */
  readonly detail?: string;
  /** Machines that it keeps the run from. */
  readonly machines: number;
  /** Machines that are out of the question besides: it would go to another one. */
  readonly besides?: readonly [WaitReason, number];
  /** Takes the reason away. */
  release(): Promise<unknown>;
}

/** Each in a tenant of its own, with the engine's loops running. */
export type Case = (rig: Rig) => Promise<HeldBack>;

const by = "ward-4";
const name = "notes.save";
const application = "notes";

/** A workflow like the small one, with more to it. */
async function workflow(rig: Rig, called: string, more: string): Promise<string> {
  await put(rig, `${workflowSource.replace("workflow: notes.save", `workflow: ${called}`)}${more}\n`);
  return called;
}

async function running(rig: Rig, request: Parameters<typeof begin>[1] = {}): Promise<RunId> {
  const run = await begin(rig, request);
  await until("it runs", async () => (await told(rig, run)) === "running");
  return run;
}

/** Does all that is wanted of the machine. */
async function finish(machine: TestMachine): Promise<void> {
  while ((await machine.wish()).wanted.lease !== undefined) await machine.report();
}

/** Its agent is gone, and what it was at is handed on. */
async function lose(machine: TestMachine): Promise<void> {
  await silent(machine.rig.context, machine.id, machine.sessionId, 0);
  await machine.takeoverDue();
  await until("it is taken over", async () => (await machine.status()) === "offline");
}

/** The run is begun on an idle machine, and that is taken away from it as if nobody had ever wanted it. */
const withMachine =
  (hold: (rig: Rig, machine: TestMachine) => Promise<() => Promise<unknown>>, detail?: string): Case =>
  async (rig) => {
    const machine = await TestMachine.idle(rig);
    const release = await hold(rig, machine);
    return { run: await begin(rig), machines: 1, release, ...(detail === undefined ? {} : { detail }) };
  };

const halted =
  (kind: HaltKind, named: (machine: TestMachine) => string, machines: number, detail: string): Case =>
  async (rig) => {
    const machine = await TestMachine.idle(rig);
    const target = { kind, name: named(machine), by };
    assert.ok((await halt(rig.context, rig.tenantId, { ...target, reason: "drill" })).ok);
    return {
      ...{ run: await begin(rig), machines, detail },
      release: () => resume(rig.context, rig.tenantId, target),
    };
  };

const paused =
  (kind: PauseKind, target: string): Case =>
  async (rig) => {
    await TestMachine.idle(rig);
    assert.ok((await pause(rig.context, rig.tenantId, { kind, name: target, reason: "drill", by })).ok);
    return {
      ...{ run: await begin(rig), machines: 0, detail: `${kind} ${target}` },
      release: () => unpause(rig.context, rig.tenantId, { kind, name: target, by }),
    };
  };

/** `ended`: not the limit is taken away, but the run that uses it up ends. */
const limited =
  (kind: LimitKind, target: string, ended: boolean): Case =>
  async (rig) => {
    const machine = await TestMachine.idle(rig);
    assert.ok((await setLimit(rig.context, rig.tenantId, { kind, name: target, max: 1, by })).ok);
    await running(rig);
    await TestMachine.idle(rig);
    return {
      ...{ run: await begin(rig), machines: 0, detail: `${kind} ${target}: 1 of 1`, besides: ["BUSY", 1] },
      release: () => (ended ? finish(machine) : removeLimit(rig.context, rig.tenantId, { kind, name: target })),
    };
  };

const observed = (seen: Observed): Case =>
  withMachine(async ({ context }, { id, sessionId }) => {
    await observe(context, id, sessionId, seen);
    return () => observe(context, id, sessionId, { hold: null, desktop: "PRESENT" });
  });

const cordoned = (wanted: Parameters<typeof cordonMachine>[3]): Case =>
  withMachine(async ({ context, tenantId }, { id }) => {
    await cordonMachine(context, tenantId, id, wanted);
    return () => cordonMachine(context, tenantId, id, { is: "uncordon" });
  });

/** What its agent says of the machine lacks something, until it says better. */
const lacking =
  (requires: string, inventory: Partial<TestMachine["inventory"]>): Case =>
  async (rig) => {
    const machine = await TestMachine.enrol(rig);
    const good = { ...machine.inventory, labels: { site: "north" } };
    machine.inventory = { ...good, ...inventory };
    await machine.attach();
    return {
      ...{ run: await begin(rig, { workflow: await workflow(rig, "picky", requires) }), machines: 1 },
      release: () => learn(rig.context, machine.id, machine.sessionId, good),
    };
  };

const notBefore: Case = async (rig) => {
  await TestMachine.idle(rig);
  const { sql } = rig.database;
  const [{ later } = assert.fail()] = await sql<{ later: number }[]>`select now() + interval '1 h' as later`;
  const run = await begin(rig, { notBefore: later });
  const release = async () => void (await sql`update runs set not_before_at = now() where id = ${run}`);
  return { run, machines: 0, release };
};

/** Another machine may look whether the commit took hold, once the one that was at it is cleaned up. */
const settling: Case = async (rig) => {
  const verify = "verify: { on: any, result: { kept: here }, steps: [ { id: kept, exec: [note] } ] }";
  const called = await workflow(rig, "settled", `${verify}\ncleanup: [ { id: tidy, press: escape } ]`);
  const machine = await TestMachine.idle(rig);
  const run = await running(rig, { workflow: called });
  await machine.upTo("save");
  await lose(machine);
  assert.equal(await told(rig, run), "unsettled");
  await machine.restart();
  await TestMachine.idle(rig);
  await until("it is cleaned up", async () => (await machine.status()) === "busy");
  const release = () => machine.upTo("tidy").then(() => machine.report());
  return { run, machines: 0, besides: ["UNCLEAN", 1], release };
};

/** A placer is in the middle of a pass on another replica, and has not come to those who go first. */
const othersFirst: Case = async (rig) => {
  const { sql } = rig.database;
  await TestMachine.idle(rig);
  const [locked, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pass = sql.begin(async (tx) => {
    assert.ok(await lockPool(tx, (await findPool(tx, rig.tenantId, "default")) as PoolId));
    locked.resolve();
    await go.promise;
  });
  await locked.promise;
  const first = await begin(rig, { priority: 10 });
  return {
    ...{ run: await begin(rig), machines: 1 },
    async release() {
      await cancelRun(rig.context, rig.tenantId, first);
      go.resolve();
      await pass;
    },
  };
};

const otherPool: Case = async (rig) => {
  await TestMachine.idle(rig);
  const run = await begin(rig, { workflow: await workflow(rig, "warded", "requires: { pool: ward }") });
  return { run, machines: 1, release: () => TestMachine.idle(rig, "ward") };
};

/** It is not tried again where it was lost. */
const avoided: Case = async (rig) => {
  const machine = await TestMachine.idle(rig);
  const run = await running(rig);
  await machine.upTo("write");
  await lose(machine);
  await machine.restart();
  return { run, machines: 1, release: () => TestMachine.idle(rig) };
};

const offline = withMachine(async (_rig, machine) => {
  await lose(machine);
  return () => machine.restart();
});

const reattaching = withMachine(async ({ context, database: { sql } }, machine) => {
  await silent(context, machine.id, machine.sessionId, 0);
  // It is not handed on while this is looked at.
  await sql`update machines set takeover_at = takeover_at + interval '1 minute' where id = ${machine.id}`;
  return () => machine.attach();
});

/** It fails one run after the other; the pool's other machine is taken out of the fleet afterwards. */
const quarantined: Case = async (rig) => {
  const called = await workflow(rig, "failing", "");
  await put(rig, workflowSource.replace("notes.save", called).replace("attempts: 2", "attempts: 1"));
  const machine = await TestMachine.idle(rig);
  const other = await TestMachine.idle(rig);
  await cordonMachine(rig.context, rig.tenantId, other.id, { is: "cordon" });
  for (let failures = 0; failures < 3; failures++) {
    const run = await running(rig, { workflow: called });
    await machine.upTo("write");
    // The last machine that takes runs is not quarantined.
    await cordonMachine(rig.context, rig.tenantId, other.id, { is: failures === 2 ? "uncordon" : "cordon" });
    await machine.report({ input: "none", failure: { category: "TARGET_NOT_FOUND", message: "" } });
    assert.equal(await told(rig, run), "FAILED BEFORE_COMMIT");
  }
  await revokeMachine(rig.context, rig.tenantId, other.id);
  return { run: await begin(rig), machines: 1, release: () => timeIsOver(rig, machine.id) };
};

/** As if the time for which the machine is passed over were over. */
const timeIsOver = ({ database: { sql } }: Rig, id: MachineId) => sql`
  update machines set quarantined_until = least(quarantined_until, clock_timestamp()),
    unready_until = least(unready_until, clock_timestamp()) where id = ${id}`;

const notReady: Case = async (rig) => {
  const machine = await TestMachine.idle(rig);
  const first = await running(rig);
  await machine.report({ verdict: "MODAL_BLOCKING" });
  await finish(machine);
  await cancelRun(rig.context, rig.tenantId, first);
  return { run: await begin(rig), machines: 1, detail: "MODAL_BLOCKING", release: () => timeIsOver(rig, machine.id) };
};

const unclean: Case = async (rig) => {
  const machine = await TestMachine.idle(rig);
  const called = await workflow(rig, "tidy", "cleanup: [ { id: tidy, press: escape } ]");
  const first = await running(rig, { workflow: called });
  await machine.upTo("write");
  await lose(machine);
  await cancelRun(rig.context, rig.tenantId, first);
  const run = await begin(rig);
  await machine.restart();
  await until("it is cleaned up", async () => (await machine.status()) === "busy");
  return { run, machines: 1, release: () => finish(machine) };
};

/** It is told to restart into a release, and does. */
const updating: Case = async (rig) => {
  const { context, tenantId } = rig;
  const machine = await TestMachine.enrol(rig);
  machine.inventory = { ...machine.inventory, agentVersion: "1.0.0", executable: "linux-x64" };
  await machine.attach();
  const bytes = randomBytes(100);
  const added = await addRelease(context, tenantId, {
    ...{ version: "2.0.0", executable: "linux-x64", sizeBytes: bytes.length, signature: Buffer.alloc(64) },
    sha256: createHash("sha256").update(bytes).digest(),
  });
  assert.ok(added.ok && (await uploadPiece(context, tenantId, added.value.id, 0, bytes)).ok);
  assert.ok((await startRollout(context, tenantId, { version: "2.0.0", canaryCount: 1, soakMs: 100 })).ok);
  await reportRelease(context, machine.id, { is: "prepared", version: "2.0.0" });
  await until("it is told to", async () => (await machine.status()) === "busy");
  return {
    ...{ run: await begin(rig), machines: 1 },
    async release() {
      await silent(context, machine.id, machine.sessionId, 0);
      machine.inventory = { ...machine.inventory, agentVersion: "2.0.0" };
      assert.equal((await machine.restart()).is, "admitted");
    },
  };
};

const busy: Case = async (rig) => {
  const machine = await TestMachine.idle(rig);
  await running(rig);
  return { run: await begin(rig), machines: 1, release: () => finish(machine) };
};

/** The compiler and a test keep it complete. */
export const cases: Readonly<Record<WaitReason, Readonly<Record<string, Case>>>> = {
  NOT_BEFORE: { "its time": notBefore },
  HALTED: {
    "its workflow": halted("workflow", () => name, 0, `workflow ${name}`),
    "its application": halted("application", () => application, 0, `application ${application}`),
    "its pool": halted("pool", () => "default", 1, "pool default"),
    "the tenant": halted("tenant", () => "", 1, "everything"),
    "the machine": halted("machine", (machine) => machine.name, 1, ""),
  },
  PAUSED: {
    "its workflow": paused("workflow", name),
    "its application": paused("application", application),
    "its pool": paused("pool", "default"),
  },
  LIMIT_REACHED: {
    "the limit of its workflow": limited("workflow", name, true),
    "the limit of its application": limited("application", application, false),
  },
  SETTLING: { "an unclean machine": settling },
  OTHERS_FIRST: { "a more urgent run": othersFirst },
  OTHER_POOL: { "a fleet of another pool": otherPool },
  APPLICATION_MISSING: { "a machine without it": lacking("", { applications: [] }) },
  WRONG_VERSION: {
    "an old version": lacking("requires: { version: '>=1' }", {
      applications: [{ name: application, version: "0.9" }],
    }),
  },
  LABEL_MISMATCH: { "another label": lacking("requires: { labels: { site: north } }", { labels: { site: "south" } }) },
  AVOIDED: { "the machine of its last attempt": avoided },
  OFFLINE: { "a machine that is away": offline },
  REATTACHING: { "a machine that is silent": reattaching },
  CORDONED: { "a cordon": cordoned({ is: "cordon" }) },
  DRAINING: { "a drain": cordoned({ is: "drain", timeoutMs: 60_000 }) },
  QUARANTINED: { "a machine that fails": quarantined },
  HUMAN_PRESENT: { "a person at the mouse": observed({ hold: "HUMAN_PRESENT", desktop: "PRESENT" }) },
  NO_DESKTOP: { "a stuck desktop": observed({ hold: null, desktop: "STUCK" }) },
  UPDATING: { "a restart into a release": updating },
  UNCLEAN: { "a machine that is cleaned up": unclean },
  NOT_READY: { "a machine that was not ready": notReady },
  BUSY: { "another run": busy },
};
