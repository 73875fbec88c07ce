// The port as other programs see it: curl, buf curl and a real gRPC client, on real sockets.

import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { RunService, StartRunRequestSchema } from "../../../proto/gen/drover/v1/run_pb.ts";
import { WorkflowService } from "../../../proto/gen/drover/v1/workflow_pb.ts";
import { BadRequestSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { callUnary } from "../../../proto/grpc.ts";
import type { DefinitionDoor, DefinitionWanted } from "../../../server/api/door.ts";
import type { TenantId } from "../../../server/rules/names.ts";
import { accept } from "../../../server/rules/refusal.ts";
import { bufCurl, curlJson, run } from "./programs.ts";
import { ended, serveStub, stub } from "./stub.ts";

test("curl starts a run with plain JSON over HTTP/1.1, and over HTTP/2 without TLS", async (t) => {
  const { api, key } = await serveStub(t);
  const url = `${api.url}/drover.v1.RunService/StartRun`;
  for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
    const answer = await curlJson(url, key("caller"), '{"workflow":"notes.save","inputs":{"text":"hi"}}', [version]);
    assert.equal(answer.status, 200, answer.out + answer.err);
    assert.equal(JSON.parse(answer.body).run.state, "RUN_STATE_QUEUED");
  }
});

test("a bad request is answered field by field, and a misspelt field is refused", async (t) => {
  const { api, key } = await serveStub(t);
  const secret = key("caller");
  const url = `${api.url}/drover.v1.RunService/StartRun`;
  const bad = await curlJson(url, secret, '{"priority":500,"timeout":"-1s"}');
  assert.equal(bad.status, 400);
  const { code, message, details } = JSON.parse(bad.body);
  assert.equal(code, "invalid_argument");
  for (const field of ["workflow", "priority", "timeout"]) assert.match(message, new RegExp(`${field}: `));
  assert.deepEqual(
    details.map(({ type }: { type: string }) => type),
    ["buf.validate.Violations", "google.rpc.BadRequest"],
  );
  const misspelt = await curlJson(url, secret, '{"workflow":"notes.save","idempotency":"k"}');
  assert.equal(misspelt.status, 400);
  assert.match(misspelt.body, /idempotency/);
});

test("text that cannot be stored, and inputs nested without end, are refused by place", async (t) => {
  const { api, key } = await serveStub(t);
  const secret = key("caller");
  const client = createClient(RunService, createGrpcTransport({ baseUrl: api.url }));
  const headers = { authorization: `Bearer ${secret}` };
  const error = await client
    .startRuns(
      { runs: [{ workflow: "a" }, { workflow: "b", inputs: { list: ["x", "nul\0"] }, idempotencyKey: "k\0" }] },
      { headers },
    )
    .then(() => assert.fail("taken"), ConnectError.from);
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field);
  assert.deepEqual(violations, ["runs[1].inputs.list[1]", "runs[1].idempotency_key"]);

  const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
  const answer = await curlJson(
    `${api.url}/drover.v1.RunService/StartRun`,
    secret,
    `{"workflow":"x","inputs":${deep}}`,
  );
  assert.equal(answer.status, 400, answer.body.slice(0, 300));
  const lone = '{"workflow":"notes.save","inputs":{"text":"\\ud800"}}';
  assert.match((await curlJson(`${api.url}/drover.v1.RunService/StartRun`, secret, lone)).body, /inputs\.text/);
});

test("Connect, gRPC and gRPC-web call and stream, over HTTP/1.1 where they can", async (t) => {
  const { api, key, addRun, append } = await serveStub(t);
  const headers = { authorization: `Bearer ${key("caller")}` };
  const id = addRun();
  append(id, ended);
  const transports = {
    connect1: createConnectTransport({ baseUrl: api.url, httpVersion: "1.1" }),
    connect2: createConnectTransport({ baseUrl: api.url, httpVersion: "2" }),
    web1: createGrpcWebTransport({ baseUrl: api.url, httpVersion: "1.1" }),
    web2: createGrpcWebTransport({ baseUrl: api.url, httpVersion: "2" }),
    grpc: createGrpcTransport({ baseUrl: api.url }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    const client = createClient(RunService, transport);
    assert.equal((await client.getRun({ runId: id }, { headers })).run?.id, id, name);
    const kinds = [];
    for await (const { event } of client.watchRun({ runId: id }, { headers })) kinds.push(event?.kind);
    assert.deepEqual(kinds, [1, 13], name);
  }
});

test("grpc-js, which is not of this stack, starts a run", async (t) => {
  const { api, key } = await serveStub(t);
  const client = new grpc.Client(`127.0.0.1:${api.address.port}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  const start = callUnary(client, RunService.method.startRun, { workflow: "notes.save" });
  await assert.rejects(start, { code: grpc.status.UNAUTHENTICATED });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key("caller")}`);
  const definition = await new Promise((done, fail) =>
    client.makeUnaryRequest(
      "/drover.v1.RunService/StartRun",
      (message: Buffer) => message,
      (bytes: Buffer) => bytes,
      Buffer.from([0x0a, 10, ...Buffer.from("notes.save")]),
      metadata,
      (error, value) => (error ? fail(error) : done(value)),
    ),
  );
  assert.ok((definition as Buffer).length > 20);
  assert.equal(StartRunRequestSchema.typeName, "drover.v1.StartRunRequest");
});

test("buf curl lists, calls and watches by reflection alone, v1 and v1alpha", async (t) => {
  const { api, key, addRun, append } = await serveStub(t);
  const id = addRun();
  append(id, ended);
  for (const protocol of ["grpc-v1", "grpc-v1alpha"]) {
    const base = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect", "--reflect-protocol", protocol];
    const header = ["-H", `authorization: Bearer ${key("admin")}`];
    const services = await bufCurl([...base, "--list-services", api.url]);
    assert.match(services.out, /drover\.v1\.RunService/, services.err);
    assert.match(services.out, /grpc\.health\.v1\.Health/);
    const methods = await bufCurl([...base, "--list-methods", api.url]);
    assert.match(methods.out, /drover\.v1\.RunService\/WatchRun/);
    const call = (method: string, data: unknown, more = header) =>
      bufCurl([...base, ...more, "-d", JSON.stringify(data), `${api.url}/${method}`]);
    const got = await call("drover.v1.RunService/GetRun", { run_id: id });
    assert.equal(JSON.parse(got.out || "{}").run?.id, id, got.err);
    const watched = await call("drover.v1.RunService/WatchRun", { runId: id });
    assert.match(watched.out, /RUN_EVENT_KIND_QUEUED[\s\S]*RUN_EVENT_KIND_ENDED/, watched.err);
    assert.match((await call("drover.v1.RunService/GetRun", {})).err, /buf\.validate\.Violations/);
    assert.match((await call("grpc.health.v1.Health/Check", {}, [])).out, /SERVING/);
  }
});

test("a message over its limit is refused; a workflow with its pictures is let in", async (t) => {
  let bytes = 0;
  const { api, key } = await serveStub(t, {
    door: {
      workflows: stub<DefinitionDoor>({
        put: async (_tenant: TenantId, { files }: DefinitionWanted) => {
          bytes = Object.values(files).reduce((sum, file) => sum + file.length, 0);
          return accept({ name: "w", version: 1, createdAt: null, program: {} });
        },
      }),
    },
  });
  const headers = { authorization: `Bearer ${key("operator")}` };
  const big = { workflow: "notes.save", inputs: { text: "x".repeat(5 * 1024 * 1024) } };
  const picture = Buffer.alloc(256 * 1024);
  const names = Array.from({ length: 64 }, (_, number) => `${number}.png`);
  const transport = createConnectTransport({ baseUrl: api.url, httpVersion: "2", useBinaryFormat: true });
  const start = createClient(RunService, transport).startRun(big, { headers });
  await assert.rejects(start, (error) => ConnectError.from(error).code === Code.ResourceExhausted);
  const files = Object.fromEntries(names.map((name) => [name, picture]));
  await createClient(WorkflowService, transport).putWorkflow({ source: "w", files }, { headers });
  assert.equal(bytes, 64 * picture.length);

  const json = JSON.stringify({
    source: "w",
    files: Object.fromEntries(names.map((name) => [name, picture.toString("base64")])),
  });
  const put = await curlJson(`${api.url}/drover.v1.WorkflowService/PutWorkflow`, key("operator"), json);
  assert.equal(put.status, 200, put.body);
  const started = await curlJson(`${api.url}/drover.v1.RunService/StartRun`, key("caller"), JSON.stringify(big));
  assert.equal(started.status, 429, started.body);
});

test("whatever bytes come in, the port goes on", async (t) => {
  const { api, key } = await serveStub(t);
  const noise = [
    "\x00\xff\x13garbage\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, whatever it is",
    "PR",
    "PRX / HTTP/1.1\r\n\r\n",
    "POST /drover.v1.RunService/StartRun HTTP/1.0\r\ncontent-type: application/json\r\n\r\n",
    "POST /drover.v1.RunService/StartRun HTTP/1.1\r\nhost: [\r\ncontent-type: application/json\r\n\r\n",
    "POST /drover.v1.RunService/StartRun HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    "GET //[ HTTP/1.1\r\nhost: x\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  ];
  for (const bytes of noise) {
    const socket = net.connect(api.address.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(bytes, "latin1");
    await new Promise((next) => setTimeout(next, 30));
    socket.resetAndDestroy();
  }
  const answer = await curlJson(`${api.url}/drover.v1.RunService/StartRun`, key("caller"), '{"workflow":"notes.save"}');
  assert.equal(answer.status, 200);
});

test("a browser of another origin gets in only if its origin was named", async (t) => {
  const { api } = await serveStub(t, { origins: ["https://console.example"] });
  const ask = async (origin: string, method: string) =>
    (
      await run("curl", [
        "-sS",
        "-i",
        "-X",
        method,
        "-H",
        `origin: ${origin}`,
        `${api.url}/drover.v1.RunService/GetRun`,
      ])
    ).out;
  const allowed = await ask("https://console.example", "OPTIONS");
  assert.match(allowed, /^HTTP\/1\.1 204/);
  assert.match(allowed, /access-control-allow-origin: https:\/\/console\.example/i);
  assert.match(allowed, /access-control-allow-headers: .*authorization/i);
  assert.doesNotMatch(await ask("https://evil.example", "OPTIONS"), /access-control-allow/i);
  assert.match(await ask("https://console.example", "POST"), /access-control-expose-headers: .*grpc-status/i);
});
