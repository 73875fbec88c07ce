// ExplainRun on the wire: who may ask, whose run it is, and every field of the answer.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { WaitReason } from "../../../proto/gen/drover/v1/explanation_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { RunDoor } from "../../../server/api/door.ts";
import type { Explanation } from "../../../server/rules/explanation.ts";
import type { RunId, TenantId } from "../../../server/rules/names.ts";
import { serveStub, stub, tenantA, tenantB } from "./stub.ts";

const waiting = "00000000-0000-7000-8000-00000000000a" as RunId;
const placed = "00000000-0000-7000-8000-00000000000b" as RunId;

const explanation: Explanation = {
  causes: [
    { reason: "PAUSED", detail: "pool ward", machines: 0 },
    { reason: "NOT_READY", detail: "FROZEN", machines: 3, until: 1_000 },
  ],
  fleet: 7,
  nearest: [{ machine: "vm-1", reason: "BUSY", detail: "", expected: 2_000 }],
  nextFree: 3_000,
  place: 4,
  unmet: "no machine in pool ward offers ehr",
  deadlineAt: 5_000,
};

async function serve(t: TestContext) {
  const asked: [TenantId, RunId][] = [];
  const runs = stub<RunDoor>({
    async explainRun(tenant, id) {
      asked.push([tenant, id]);
      if (tenant !== tenantA) return undefined;
      return { [waiting]: explanation, [placed]: "not-waiting" as const }[id];
    },
  });
  const { key, api } = await serveStub(t, { door: { runs } });
  const client = (tenant: TenantId, secret = key("caller", tenant)) =>
    createClient(
      RunService,
      createGrpcTransport({
        baseUrl: api.url,
        interceptors: [
          (next) => (request) => {
            request.header.set("authorization", `Bearer ${secret}`);
            return next(request);
          },
        ],
      }),
    );
  return { client, asked };
}

const refusedFor = async (call: Promise<unknown>) => {
  const error = await call.then(() => assert.fail("it was told"), ConnectError.from);
  return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
};

test("a caller is told why its run waits, in every field", async (t) => {
  const { client } = await serve(t);
  const told = (await client(tenantA).explainRun({ runId: waiting.toUpperCase() })).explanation ?? assert.fail();
  const at = (when: Parameters<typeof timestampMs>[0] | undefined) => when && timestampMs(when);
  assert.deepEqual([told.runId, told.waiting, told.fleet, told.place], [waiting, true, 7, 4]);
  assert.equal(told.unmet, "no machine in pool ward offers ehr");
  assert.deepEqual([at(told.nextFree), at(told.deadline)], [3_000, 5_000]);
  assert.deepEqual(
    told.causes.map((each) => [each.reason, each.machines, each.detail, at(each.until)]),
    [
      [WaitReason.PAUSED, 0, "pool ward", undefined],
      [WaitReason.NOT_READY, 3, "FROZEN", 1_000],
    ],
  );
  assert.deepEqual(
    told.nearest.map((each) => [each.machine, each.reason, each.detail, at(each.expected)]),
    [["vm-1", WaitReason.BUSY, "", 2_000]],
  );
});

test("a run that does not wait is told so, and nothing else of it", async (t) => {
  const { client } = await serve(t);
  const told = (await client(tenantA).explainRun({ runId: placed })).explanation ?? assert.fail();
  assert.deepEqual([told.runId, told.waiting, told.causes, told.fleet, told.place], [placed, false, [], 0, 0]);
});

test("another tenant's run is none, as one that there is not; without a key nothing is asked (G12)", async (t) => {
  const { client, asked } = await serve(t);
  const none = [Code.NotFound, "RUN_NOT_FOUND"];
  assert.deepEqual(await refusedFor(client(tenantB).explainRun({ runId: waiting })), none);
  assert.deepEqual(asked, [[tenantB, waiting]]);
  const unknown = "00000000-0000-7000-8000-00000000000c";
  assert.deepEqual(await refusedFor(client(tenantA).explainRun({ runId: unknown })), none);
  const stranger = client(tenantA, "drover_key_nobody").explainRun({ runId: waiting });
  assert.deepEqual(await refusedFor(stranger), [Code.Unauthenticated, "UNAUTHENTICATED"]);
  assert.equal((await refusedFor(client(tenantA).explainRun({ runId: "7" })))[0], Code.InvalidArgument);
  assert.equal(asked.length, 2);
});
