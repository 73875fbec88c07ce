import assert from "node:assert/strict";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { MachineService } from "../../../proto/gen/drover/v1/machine_pb.ts";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { createKeyring, type Principal } from "../../../server/api/keyring.ts";
import { apiLimits } from "../../../server/api/limits.ts";
import { publicServices } from "../../../server/api/router.ts";
import { curlJson } from "./programs.ts";
import { serveStub, stubWakeup, tenantB, until, untilSettled } from "./stub.ts";

const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });

async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(() => assert.fail("it was let in"), ConnectError.from);
  return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason };
}

test("no RPC but health and reflection answers a caller without a good key", async (t) => {
  const { api } = await serveStub(t);
  for (const { typeName, methods } of publicServices) {
    for (const { name } of methods.filter(({ methodKind }) => methodKind === "unary")) {
      for (const secret of [undefined, "drover_key_guess"]) {
        const answer = await curlJson(`${api.url}/${typeName}/${name}`, secret, "{}");
        assert.equal(answer.status, 401, `${name}: ${answer.body}`);
        assert.match(answer.body, /unauthenticated/);
      }
    }
  }
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const watch = async () => {
    for await (const _ of client.watchRun({ runId: "00000000-0000-7000-8000-000000000001" })) assert.fail("it watches");
  };
  assert.deepEqual(await refusalOf(watch()), { code: Code.Unauthenticated, reason: "UNAUTHENTICATED" });
});

test("a key does what its scope allows, and no more", async (t) => {
  const { api, key } = await serveStub(t);
  const client = createClient(MachineService, createGrpcTransport({ baseUrl: api.url }));
  const denied = { code: Code.PermissionDenied, reason: "SCOPE_INSUFFICIENT" };
  assert.deepEqual(await refusalOf(client.listMachines({}, bearer(key("caller")))), denied);
  assert.deepEqual(await refusalOf(client.revokeMachine({ machine: "m" }, bearer(key("operator")))), denied);
  // Let in: the stub has no machines, which is a fault of the server.
  assert.equal((await refusalOf(client.listMachines({}, bearer(key("admin"))))).code, Code.Internal);
});

test("a key of another tenant finds nothing of this one", async (t) => {
  const { api, key, addRun } = await serveStub(t);
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const runId = addRun();
  const other = bearer(key("admin", tenantB));
  const notFound = { code: Code.NotFound, reason: "RUN_NOT_FOUND" };
  assert.deepEqual(await refusalOf(client.getRun({ runId }, other)), notFound);
  const watch = async () => {
    for await (const _ of client.watchRun({ runId }, other)) assert.fail("it watches");
  };
  assert.deepEqual(await refusalOf(watch()), notFound);
  assert.deepEqual((await client.listRuns({}, other)).runs, []);
});

test("a key that is revoked closes the watches open under it at the wake-up, and others stay open", async (t) => {
  const { api, key, revoke, addRun, append, wakeup } = await serveStub(t);
  const id = addRun();
  const transports = [
    createGrpcTransport({ baseUrl: api.url }),
    createConnectTransport({ baseUrl: api.url, httpVersion: "1.1" }),
    createConnectTransport({ baseUrl: api.url, httpVersion: "2" }),
  ];
  const [revoked, kept] = [key("caller"), key("caller")];
  const watch = async (transport: (typeof transports)[number], secret: string, seen: unknown[]) => {
    for await (const { event } of createClient(RunService, transport).watchRun({ runId: id }, bearer(secret)))
      seen.push(event);
  };
  const seen: unknown[][] = transports.map(() => []);
  const ends = transports.map((transport, n) => refusalOf(watch(transport, revoked, seen[n] ?? [])));
  const seenByOther: unknown[] = [];
  const other = watch(createGrpcTransport({ baseUrl: api.url }), kept, seenByOther);
  await until("all watch", () => seen.every((events) => events.length === 1) && seenByOther.length === 1);

  revoke(revoked);
  wakeup.publish("keys");
  const revokedAt = performance.now();
  for (const end of ends) assert.deepEqual(await end, { code: Code.Unauthenticated, reason: "UNAUTHENTICATED" });
  assert.ok(performance.now() - revokedAt < 900, "the wake-up did it, not the timer");
  append(id, { kind: "CANCEL_REQUESTED" }, { kind: "ENDED", outcome: "CANCELLED", label: "BEFORE_COMMIT" });
  await other;
  assert.equal(seenByOther.length, 3);
  await until("nobody listens any more", () => wakeup.count(`run:${id}`) === 0);
});

test("without a wake-up, a key that has ended is found within two seconds, for open watches and for new calls", async (t) => {
  const { api, key, revoke, addRun } = await serveStub(t);
  const id = addRun();
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const secret = key("caller");
  const watch = async () => {
    for await (const { event } of client.watchRun({ runId: id }, bearer(secret))) if (event) revoke(secret);
  };
  const began = performance.now();
  assert.equal((await refusalOf(watch())).code, Code.Unauthenticated);
  assert.ok(performance.now() - began < 2_500);
  assert.equal((await refusalOf(client.getRun({ runId: id }, bearer(secret)))).code, Code.Unauthenticated);
});

test("a client that does not read is cut off too when its key ends", async (t) => {
  const served = await serveStub(t);
  const { api, key, revoke, addRun, append, wakeup } = served;
  const id = addRun();
  for (let n = 0; n < 20_000; n++)
    append(id, { kind: "STEP_STARTED", step: "s".repeat(900), attempt: 1, machine: "m" });
  const secret = key("caller");
  const { hostname, port } = new URL(api.url);
  const path = "/drover.v1.RunService/WatchRun";
  const headers = { "content-type": "application/connect+json", authorization: `Bearer ${secret}` };
  const reading = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest({ hostname, port, path, method: "POST", headers }, (response) => {
    response.on("error", () => undefined).pause();
    reading.resolve(response);
  });
  request.on("error", () => undefined);
  const body = Buffer.from(JSON.stringify({ runId: id }));
  request.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  const response = await reading.promise;
  await untilSettled("the server waits for the client", () => served.reads);
  revoke(secret);
  wakeup.publish("keys");
  await until("its handler has ended", () => wakeup.count(`run:${id}`) === 0);
  // It reads again long after: what the kernel held is all there is, and it was not ended in order.
  await new Promise((next) => setTimeout(next, apiLimits.hangUpMs + 300));
  const closed = new Promise((done) => response.once("close", done));
  response.resume();
  await closed;
  assert.equal(response.complete, false);
});

test("the body of a call without a good key is not waited for", async (t) => {
  const { api } = await serveStub(t);
  const { hostname, port } = new URL(api.url);
  const headers = { "content-type": "application/json", "content-length": String(20 << 20) };
  const status = await new Promise((done, fail) => {
    const path = "/drover.v1.WorkflowService/PutWorkflow";
    const request = httpRequest({ hostname, port, path, method: "POST", headers }, (response) => {
      done(response.statusCode);
      request.destroy();
    });
    request.on("error", fail);
    request.write("{");
  });
  assert.equal(status, 401);
});

test("what is known of a key is asked again after a second, and what is not known is never remembered", async (t) => {
  let asked = 0;
  let answer: Principal | undefined;
  const keyring = createKeyring(async () => {
    asked++;
    return answer;
  }, stubWakeup());
  t.after(() => keyring.stop());
  await keyring.principalOf("a");
  await keyring.principalOf("a");
  assert.equal(asked, 2);
  answer = {} as Principal;
  await Promise.all([keyring.principalOf("a"), keyring.principalOf("a"), keyring.principalOf("a")]);
  await keyring.principalOf("a");
  assert.equal(asked, 3);
  answer = undefined;
  const began = performance.now();
  while ((await keyring.principalOf("a")) !== undefined) await new Promise((next) => setTimeout(next, 50));
  assert.ok(performance.now() - began < 1_500);
});

test("while the database is away, open streams stay and new calls are refused as unavailable", async (t) => {
  let away = false;
  const principal = {} as Principal;
  const wakeup = stubWakeup();
  const keyring = createKeyring(async () => {
    if (away) throw Object.assign(new Error("x"), { code: "ECONNREFUSED" });
    return principal;
  }, wakeup);
  t.after(() => keyring.stop());
  let endedAt = 0;
  await keyring.principalOf("a");
  keyring.hold("a", () => (endedAt = performance.now()));
  away = true;
  wakeup.publish("keys");
  await assert.rejects(keyring.principalOf("a"), { code: "ECONNREFUSED" });
  assert.equal(endedAt, 0);

  const { api } = await serveStub(t, {
    authenticate: () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" })),
  });
  const answer = await curlJson(`${api.url}/drover.v1.RunService/ListRuns`, "drover_key_x", "{}");
  assert.equal(answer.status, 503, answer.body);
  assert.match(answer.body, /unavailable/);
});
