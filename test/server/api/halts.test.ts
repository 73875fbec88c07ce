// HaltService on the wire (G14): each target as it is named, who did it, and what is recorded of it.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { HaltService, type HaltTarget } from "../../../proto/gen/drover/v1/halt_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { HaltDoor } from "../../../server/api/door.ts";
import type { HaltId } from "../../../server/rules/names.ts";
import { accept, refuse } from "../../../server/rules/refusal.ts";
import type { HaltView } from "../../../server/store/halts.ts";
import { serveStub, stub, tenantA } from "./stub.ts";

/** A door that remembers its halts, and knows every machine but `nobody`. */
async function serve(t: TestContext) {
  const halts: HaltView[] = [];
  const asked: unknown[] = [];
  const find = (kind: string, name: string) => halts.find((each) => each.kind === kind && each.name === name);
  const door = stub<HaltDoor>({
    async halt(tenant, { kind, name, reason, by }) {
      asked.push([tenant, kind, name]);
      if (name === "nobody") return refuse("MACHINE_NOT_FOUND", "There is no machine nobody.");
      const id = `halt-${halts.length + 1}` as HaltId;
      const halt = { id, kind, name, reason, haltedBy: by, haltedAt: Date.parse("2026-01-01T00:00:00Z") };
      if (find(kind, name) === undefined) halts.unshift(halt);
      return accept(find(kind, name) ?? halt);
    },
    async resume(_tenant, { kind, name }) {
      const halt = find(kind, name);
      if (halt !== undefined) halts.splice(halts.indexOf(halt), 1);
      return accept(halt);
    },
    list: async (_tenant, limit) => halts.slice(0, limit),
  });
  const { api, key, audited } = await serveStub(t, { door: { halts: door } });
  const client = (scope: "caller" | "operator") => {
    const secret = key(scope);
    const transport = createGrpcTransport({
      baseUrl: api.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${secret}`);
          return next(request);
        },
      ],
    });
    return createClient(HaltService, transport);
  };
  return { client, audited, asked };
}

const targets: Exclude<HaltTarget["target"], { case: undefined }>[] = [
  { case: "machine", value: "vm-1" },
  { case: "workflow", value: "notes.save" },
  { case: "application", value: "notes" },
  { case: "pool", value: "clinic" },
  { case: "tenant", value: true },
];

test("whatever is halted is listed until it goes on, and both are recorded with who did it and without the reason", async (t) => {
  const { client, audited, asked } = await serve(t);
  const operator = client("operator");
  for (const target of targets) {
    const { halt } = await operator.halt({ target: { target }, reason: "INC-17" });
    assert.deepEqual(halt?.target?.target, target);
    assert.deepEqual([halt?.reason, halt?.by], ["INC-17", "test"]);
  }
  assert.deepEqual(asked.at(-1), [tenantA, "tenant", ""]);
  const { halts } = await operator.listHalts({});
  assert.deepEqual(
    halts.map((halt) => halt.target?.target),
    targets.toReversed(),
  );
  for (const target of targets) assert.ok((await operator.resume({ target: { target } })).halt !== undefined);
  const none = await operator.resume({ target: { target: { case: "machine", value: "vm-1" } } });
  assert.equal(none.halt, undefined);
  assert.deepEqual((await operator.listHalts({})).halts, []);

  assert.equal(audited.length, 2 * targets.length + 1);
  const [first] = audited;
  assert.ok(first !== undefined && "decided" in first);
  const { keyId: _, ...entry } = first;
  assert.deepEqual(entry, {
    ...{ decided: "machine", target: "vm-1", as: "halted", haltId: "halt-1" },
    ...{ tenant: tenantA, owner: "test" },
  });
  const { haltId } = audited.at(-2) as { haltId?: string };
  assert.equal(haltId, "halt-5");
  assert.ok(!("haltId" in (audited.at(-1) ?? {})), "what ended nothing is recorded too");
  assert.ok(!JSON.stringify(audited).includes("INC-17"));
});

test("a halt that names nothing, or nothing that is there, is refused, and callers may do none", async (t) => {
  const { client, audited } = await serve(t);
  const refusedFor = async (call: Promise<unknown>) => {
    const error = await call.then(() => assert.fail("it was done"), ConnectError.from);
    return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
  };
  const operator = client("operator");
  const nobody = { target: { case: "machine", value: "nobody" } } as const;
  assert.deepEqual(await refusedFor(operator.halt({ target: nobody })), [Code.NotFound, "MACHINE_NOT_FOUND"]);
  assert.equal((await refusedFor(operator.halt({})))[0], Code.InvalidArgument);
  assert.equal((await refusedFor(operator.halt({ target: {} })))[0], Code.InvalidArgument);
  const untrue = { target: { case: "tenant", value: false } } as const;
  assert.equal((await refusedFor(operator.halt({ target: untrue })))[0], Code.InvalidArgument);
  for (const call of [client("caller").halt({ target: nobody }), client("caller").listHalts({})]) {
    assert.deepEqual(await refusedFor(call), [Code.PermissionDenied, "SCOPE_INSUFFICIENT"]);
  }
  assert.deepEqual(audited, []);
});
