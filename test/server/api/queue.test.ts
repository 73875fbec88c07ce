// QueueService and MoveRunToFront on the wire: each target as it is named, who did it, what is recorded of it, and who may.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type LimitTarget, type PauseTarget, QueueService } from "../../../proto/gen/drover/v1/queue_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { QueueDoor, RunDoor } from "../../../server/api/door.ts";
import type { PauseId, RunId } from "../../../server/rules/names.ts";
import { accept, refuse } from "../../../server/rules/refusal.ts";
import type { LimitView } from "../../../server/store/concurrency.ts";
import type { PauseView } from "../../../server/store/pauses.ts";
import type { RunView } from "../../../server/store/run-reads.ts";
import { serveStub, stub, tenantA } from "./stub.ts";

const since = Date.parse("2026-01-01T00:00:00Z");

/** A door that remembers its pauses and limits, and knows everything but `nothing`. */
async function serve(t: TestContext) {
  const pauses: PauseView[] = [];
  const limits = new Map<string, LimitView>();
  const asked: unknown[] = [];
  const find = (kind: string, name: string) => pauses.find((each) => each.kind === kind && each.name === name);
  const queue = stub<QueueDoor>({
    async pause(tenant, { kind, name, reason, by }) {
      asked.push([tenant, kind, name]);
      if (name === "nothing") return refuse("POOL_NOT_FOUND", "There is no pool nothing.");
      const pause = { id: `pause-${pauses.length + 1}` as PauseId, kind, name, reason, pausedBy: by, pausedAt: since };
      if (find(kind, name) === undefined) pauses.unshift(pause);
      return accept(find(kind, name) ?? pause);
    },
    async unpause(_tenant, { kind, name }) {
      const pause = find(kind, name);
      if (pause !== undefined) pauses.splice(pauses.indexOf(pause), 1);
      return accept(pause);
    },
    listPauses: async (_tenant, limit) => pauses.slice(0, limit),
    async setLimit(tenant, { kind, name, max, by }) {
      asked.push([tenant, kind, name, max]);
      const limit = { kind, name, max, used: 1, setBy: by, setAt: since };
      limits.set(`${kind} ${name}`, limit);
      return accept(limit);
    },
    removeLimit: async (_tenant, { kind, name }) => limits.delete(`${kind} ${name}`),
    listLimits: async (_tenant, limit) => [...limits.values()].slice(0, limit),
  });
  const served = await serveStub(t, { door: { queue } });
  const transport = (scope: "caller" | "operator") => {
    const secret = served.key(scope);
    return createGrpcTransport({
      baseUrl: served.api.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${secret}`);
          return next(request);
        },
      ],
    });
  };
  return {
    ...served,
    transport,
    client: (scope: "caller" | "operator") => createClient(QueueService, transport(scope)),
    asked,
  };
}

const refusedFor = async (call: Promise<unknown>) => {
  const error = await call.then(() => assert.fail("it was done"), ConnectError.from);
  return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
};

const targets: Exclude<PauseTarget["target"], { case: undefined }>[] = [
  { case: "workflow", value: "notes.save" },
  { case: "application", value: "notes" },
  { case: "pool", value: "clinic" },
];
const limited: Exclude<LimitTarget["target"], { case: undefined }>[] = [
  { case: "workflow", value: "notes.save" },
  { case: "application", value: "notes" },
];

test("whatever is paused is listed until it is not, and both are recorded with who did it and without the reason", async (t) => {
  const { client, audited, asked } = await serve(t);
  const operator = client("operator");
  for (const target of targets) {
    const { pause } = await operator.pause({ target: { target }, reason: "INC-17" });
    assert.deepEqual(pause?.target?.target, target);
    assert.deepEqual([pause?.reason, pause?.by, pause?.since?.seconds], ["INC-17", "test", BigInt(since / 1_000)]);
  }
  assert.deepEqual(asked.at(-1), [tenantA, "pool", "clinic"]);
  assert.deepEqual(
    (await operator.listPauses({})).pauses.map((pause) => pause.target?.target),
    targets.toReversed(),
  );
  for (const target of targets) assert.ok((await operator.unpause({ target: { target } })).pause !== undefined);
  const none = await operator.unpause({ target: { target: { case: "pool", value: "clinic" } } });
  assert.equal(none.pause, undefined);
  assert.deepEqual((await operator.listPauses({})).pauses, []);

  const told = audited.map(({ tenant: _, keyId: __, ...entry }) => entry);
  assert.equal(told.length, 2 * targets.length + 1);
  assert.deepEqual(told[0], {
    ...{ decided: "workflow", target: "notes.save", as: "paused", pauseId: "pause-1", owner: "test" },
  });
  assert.deepEqual(told.at(-2), {
    ...{ decided: "pool", target: "clinic", as: "unpaused", pauseId: "pause-3", owner: "test" },
  });
  assert.deepEqual(told.at(-1), { decided: "pool", target: "clinic", as: "unpaused", owner: "test" });
  assert.ok(!JSON.stringify(audited).includes("INC-17"));
});

test("a limit is set, listed with what is used of it, and removed, each recorded with who did it", async (t) => {
  const { client, audited, asked } = await serve(t);
  const operator = client("operator");
  for (const target of limited) {
    const { limit } = await operator.setLimit({ target: { target }, max: 5 });
    assert.deepEqual(limit?.target?.target, target);
    assert.deepEqual([limit?.max, limit?.used, limit?.by], [5, 1, "test"]);
  }
  assert.deepEqual(asked.at(-1), [tenantA, "application", "notes", 5]);
  assert.deepEqual(
    (await operator.listLimits({})).limits.map((limit) => limit.target?.target),
    limited,
  );
  for (const target of limited) await operator.removeLimit({ target: { target } });
  assert.deepEqual((await operator.listLimits({})).limits, []);
  const told = audited.map(({ tenant: _, keyId: __, owner: ___, ...entry }) => entry);
  assert.deepEqual(told, [
    { decided: "workflow", target: "notes.save", as: "limited", max: 5 },
    { decided: "application", target: "notes", as: "limited", max: 5 },
    { decided: "workflow", target: "notes.save", as: "unlimited" },
    { decided: "application", target: "notes", as: "unlimited" },
  ]);
});

test("what names nothing, nothing that is there, or too few or many runs is refused, and callers may do none of it", async (t) => {
  const { client, transport, audited, addRun } = await serve(t);
  const operator = client("operator");
  const nothing = { target: { case: "pool", value: "nothing" } } as const;
  const workflow = { case: "workflow", value: "notes.save" } as const;
  assert.deepEqual(await refusedFor(operator.pause({ target: nothing })), [Code.NotFound, "POOL_NOT_FOUND"]);
  for (const call of [
    operator.pause({}),
    operator.pause({ target: {} }),
    operator.pause({ target: { target: { case: "workflow", value: "" } } }),
    operator.setLimit({ max: 3 }),
    operator.setLimit({ target: { target: workflow }, max: 0 }),
    operator.setLimit({ target: { target: workflow }, max: 100_001 }),
    operator.removeLimit({}),
  ]) {
    assert.equal((await refusedFor(call))[0], Code.InvalidArgument);
  }
  const caller = client("caller");
  const target = { target: workflow };
  for (const call of [
    ...[caller.pause({ target }), caller.unpause({ target }), caller.listPauses({})],
    ...[caller.setLimit({ target, max: 1 }), caller.removeLimit({ target }), caller.listLimits({})],
    createClient(RunService, transport("caller")).moveRunToFront({ runId: addRun() }),
  ]) {
    assert.deepEqual(await refusedFor(call), [Code.PermissionDenied, "SCOPE_INSUFFICIENT"]);
  }
  assert.deepEqual(audited, []);
});

test("a run that was moved to the front says so, is recorded with who moved it, and one that does not wait is refused", async (t) => {
  const moved: unknown[] = [];
  const run: RunView = {
    ...{ id: "00000000-0000-7000-8000-0000000000aa" as RunId, workflow: "notes.save", workflowVersion: 1 },
    ...{
      state: "queued",
      outcome: null,
      failure: null,
      commitLabel: null,
      lastEvent: 2,
      priority: 0,
      createdAt: since,
    },
    ...{
      startedAt: null,
      endedAt: null,
      notBeforeAt: since,
      caller: "ward",
      front: 3,
      pool: "clinic",
      waitsSince: since,
    },
  };
  const runs = stub<RunDoor>({
    moveRunToFront: async (tenant, id) => {
      moved.push([tenant, id]);
      return id === run.id ? accept(run) : refuse("RUN_NOT_WAITING", "The run has ended: there is nothing to move.");
    },
  });
  const { api, key, audited } = await serveStub(t, { door: { runs } });
  const headers = { authorization: `Bearer ${key("operator")}` };
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const answer = await client.moveRunToFront({ runId: run.id.toUpperCase() }, { headers });
  assert.deepEqual([answer.run?.movedToFront, answer.run?.caller, answer.run?.pool], [true, "ward", "clinic"]);
  assert.equal(answer.run?.notBefore?.seconds, BigInt(since / 1_000));
  assert.deepEqual(moved, [[tenantA, run.id]]);
  const ended = "00000000-0000-7000-8000-0000000000bb";
  const refused = await refusedFor(client.moveRunToFront({ runId: ended }, { headers }));
  assert.deepEqual(refused, [Code.FailedPrecondition, "RUN_NOT_WAITING"]);
  const { keyId: _, ...entry } = audited[0] as Record<string, unknown>;
  assert.deepEqual(entry, { decided: "run", runId: run.id, as: "moved-to-front", tenant: tenantA, owner: "test" });
  assert.equal(audited.length, 1);
});
