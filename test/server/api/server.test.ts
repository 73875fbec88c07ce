import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { RunService } from "../../../proto/gen/drover/v1/run_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../proto/gen/grpc/health/v1/health_pb.ts";
import { publicServices } from "../../../server/api/router.ts";
import { ListenError } from "../../../server/api/server.ts";
import { bufCurl, curlJson, run } from "./programs.ts";
import { serveStub, until } from "./stub.ts";

async function certificate() {
  const directory = await mkdtemp(join(tmpdir(), "drover-test-"));
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = await run(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(subject, [
      "-days",
      "1",
      "-keyout",
      key,
      "-out",
      cert,
    ]),
  );
  assert.equal(made.code, 0, made.err);
  return {
    path: cert,
    tls: { key: readFileSync(key), cert: readFileSync(cert) },
    remove: () => rm(directory, { recursive: true }),
  };
}

test("over TLS the same port speaks HTTP/1.1, HTTP/2 and gRPC", async (t) => {
  const { path, tls, remove } = await certificate();
  t.after(remove);
  const { api, key, addRun } = await serveStub(t, { tls });
  assert.match(api.url, /^https:/);
  const runId = addRun();
  for (const version of ["--http1.1", "--http2"]) {
    const url = `${api.url}/drover.v1.RunService/GetRun`;
    const answer = await curlJson(url, key("caller"), JSON.stringify({ runId }), [version, "--cacert", path]);
    assert.equal(answer.status, 200, answer.err);
  }
  const listed = await bufCurl(["--protocol", "grpc", "--cacert", path, "--list-services", api.url]);
  assert.match(listed.out, /drover\.v1\.RunService/, listed.err);
  const transport = createGrpcTransport({ baseUrl: api.url, nodeOptions: { ca: tls.cert } });
  const headers = { authorization: `Bearer ${key("caller")}` };
  assert.equal((await createClient(RunService, transport).getRun({ runId }, { headers })).run?.id, runId);
  const plain = await curlJson(`http://127.0.0.1:${api.address.port}/`, undefined, "{}");
  assert.notEqual(plain.code, 0, "no plaintext on a TLS port");
});

test("off loopback without TLS it is not served unless that was allowed, and the error says what to do (G11)", async (t) => {
  await assert.rejects(serveStub(t, { host: "0.0.0.0" }), (error) => {
    assert.ok(error instanceof ListenError);
    assert.match(error.message, /^[^\n]*0\.0\.0\.0 without TLS: give a certificate[^\n]*--insecure\.$/);
    return true;
  });
  await serveStub(t, { host: "0.0.0.0", insecure: true });
  for (const host of ["localhost", "127.0.0.2", "::1"]) await serveStub(t, { host });
});

test("a port that is taken is said to be, in one line", async (t) => {
  const { api } = await serveStub(t);
  await assert.rejects(serveStub(t, { port: api.address.port }), {
    name: "ListenError",
    message: /is taken.*another port/,
  });
});

test("health follows the replica's row, in Check and in Watch, and needs no key", async (t) => {
  const served = await serveStub(t);
  const client = createClient(Health, createGrpcTransport({ baseUrl: served.api.url }));
  assert.equal((await client.check({})).status, Status.SERVING);
  assert.equal((await client.check({ service: "drover.v1.RunService" })).status, Status.SERVING);
  await assert.rejects(
    client.check({ service: "no.Such" }),
    (error) => ConnectError.from(error).code === Code.NotFound,
  );
  // All of them, and the server as a whole.
  assert.equal(Object.keys((await client.list({})).statuses).length, publicServices.length + 1);
  const seen = [];
  for await (const { status } of client.watch({})) {
    seen.push(status);
    served.serving = !served.serving;
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
});

test("stopping ends watches with UNAVAILABLE, lets a call under way end, and takes no more", async (t) => {
  let finish = (_: undefined) => {};
  const slow = new Promise<undefined>((done) => (finish = done));
  let called = false;
  const { api, key, addRun, wakeup } = await serveStub(t, {
    door: {
      keys: {
        list: async () => {
          called = true;
          await slow;
          return [];
        },
      } as never,
    },
  });
  const runId = addRun();
  const options = { headers: { authorization: `Bearer ${key("caller")}` } };
  const watches = [
    createGrpcTransport({ baseUrl: api.url }),
    createConnectTransport({ baseUrl: api.url, httpVersion: "1.1" }),
  ].map(async (transport) => {
    for await (const _ of createClient(RunService, transport).watchRun({ runId }, options));
  });
  const ends = watches.map((watch) =>
    watch.then(
      () => assert.fail("ended well"),
      (error) => ConnectError.from(error).code,
    ),
  );
  const listing = curlJson(`${api.url}/drover.v1.KeyService/ListKeys`, key("admin"), "{}");
  await until("all are under way", () => called && wakeup.count(`run:${runId}`) === 2);
  const began = performance.now();
  const stopped = api.stop();
  assert.deepEqual(await Promise.all(ends), [Code.Unavailable, Code.Unavailable]);
  finish(undefined);
  assert.equal((await listing).status, 200);
  await stopped;
  await api.stop();
  assert.ok(performance.now() - began < 4_000, "nothing had to be cut off");
  await assert.rejects(fetch(api.url));
});

test("what is left five seconds after a stop is cut off", async (t) => {
  const { api } = await serveStub(t);
  const socket = net.connect(api.address.port, "127.0.0.1");
  const session = http2.connect(api.url);
  session.on("error", () => undefined);
  const stream = session.request(
    { ":path": "/drover.v1.RunService/StartRun", ":method": "POST", "content-type": "application/grpc" },
    { endStream: false },
  );
  stream.on("error", () => undefined);
  socket.on("error", () => undefined);
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n");
  await until("they are connected", () => !socket.connecting && !session.connecting);
  const began = performance.now();
  await api.stop();
  assert.ok(performance.now() - began < 6_000);
  session.destroy();
  socket.destroy();
});

test("a client that does not finish its headers is hung up on", { timeout: 20_000 }, async (t) => {
  const { api } = await serveStub(t);
  const began = performance.now();
  const ends = ["", "PR", "POST / HTTP/1.1\r\nho"].map(
    (bytes) =>
      new Promise((done) => {
        const socket = net.connect(api.address.port, "127.0.0.1");
        socket
          .on("error", () => undefined)
          .on("close", done)
          .resume();
        if (bytes !== "") socket.write(bytes);
      }),
  );
  await Promise.all(ends);
  assert.ok(performance.now() - began > 5_000);
});
