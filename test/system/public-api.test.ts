// The public port of a running server as strangers use it: a gRPC client that knows no file of ours, plain curl, and a web
// page in Chromium. One simulated machine carries the runs out, so that every stream has its real end.
//
// The gRPC client is `buf curl`, outside the checkout and by reflection alone; it asks what grpcurl asks (grpcurl itself is
// in no package registry that the tests may use). What grpcurl calls `describe` is the same question to reflection, sent
// here as a call of its own.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import type { DroverClient } from "../../sdk/index.ts";
import { bufCurl, curlJson, run } from "../server/api/programs.ts";
import { Followed } from "../support/follow.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";
import {
  attachSimulated,
  type SimulatedMachine,
  simulatedMousepad,
  simulatedNote,
} from "../support/simulated-machine.ts";
import type { Watched } from "../support/watch-page.ts";

/** A stream whose key is revoked is over within this. */
const revokedWithinMs = 2_000;
const grpc = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect"];
const unauthenticated = 16;
const permissionDenied = 7;
const bearer = (secret: string) => ["-H", `authorization: Bearer ${secret}`];

const product = new Product();
let database: TestDatabase;
let machine: SimulatedMachine;
let client: DroverClient;
let caller: { id: string; secret: string };
let pages: Server;
let pageUrl: (host: string) => string;
let browser: Browser;

before(async () => {
  [database, pages] = await Promise.all([createDatabase(), servePage()]);
  const { port } = pages.address() as AddressInfo;
  pageUrl = (host) => `http://${host}:${port}`;
  await product.startServers({ databaseUrl: database.url, serverOptions: ["--origin", pageUrl("127.0.0.1")] });
  client = product.client();
  await product.put(simulatedMousepad, simulatedNote("note"), simulatedNote("held.note", { held: true }));
  [machine, caller] = await Promise.all([attachSimulated(product, "vm-1"), newKey("CALLER")]);
  browser = await chromium.launch({
    executablePath: await chromiumPath(),
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat([
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ]),
  });
});

after(async () => {
  await browser?.close();
  pages?.closeAllConnections();
  pages?.close();
  await machine?.stop();
  await product.stop();
  await database?.drop();
});

/** Debian's, or whatever of its kind there is. */
async function chromiumPath(): Promise<string> {
  const { out } = await run("sh", [
    "-c",
    "command -v chromium || command -v chromium-browser || command -v google-chrome",
  ]);
  return out.trim() || assert.fail("there is no Chromium");
}

/** Another origin than the API's, with a page that has the SDK's web entry. */
async function servePage(): Promise<Server> {
  const entry = fileURLToPath(new URL("../support/watch-page.ts", import.meta.url));
  const bundled = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "iife",
    write: false,
  });
  const script = bundled.outputFiles[0]?.text ?? assert.fail("nothing was bundled");
  const server = createServer((request, response) => {
    const isScript = request.url === "/watch.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><title>watch</title><script src="/watch.js"></script>');
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

async function newKey(scope: "CALLER" | "OPERATOR"): Promise<{ id: string; secret: string }> {
  const { key, secret } = await client.createKey({ owner: "a test", scope });
  return { id: key.id, secret };
}

const url = (method: string) => `${product.server.apiUrl}/drover.v1.${method}`;
const callGrpc = (secret: string | undefined, method: string, data: unknown) =>
  bufCurl([...grpc, ...(secret === undefined ? [] : bearer(secret)), "-d", JSON.stringify(data), url(method)]);

/** JSON values, one after the other. */
function documents(text: string): Record<string, unknown>[] {
  return text
    .split(/(?<=^\})\n/m)
    .flatMap((part) => part.split(/\n(?=\{)/))
    .filter((part) => part.trim() !== "")
    .map((part) => JSON.parse(part) as Record<string, unknown>);
}

async function page(host = "127.0.0.1") {
  const opened = await browser.newPage();
  await opened.goto(pageUrl(host));
  return {
    opened,
    watch: (secret: string, runId: string) =>
      opened.evaluate<Watched>(`watch(${[product.server.apiUrl, secret, runId].map((a) => JSON.stringify(a)).join()})`),
    seen: () => opened.evaluate<number>("watchedEvents.length"),
  };
}

test("a gRPC client lists the services and describes a method by reflection alone", async () => {
  const listed = await bufCurl([...grpc, "--list-services", product.server.apiUrl]);
  const services = listed.out.trim().split("\n");
  const ours = ["Application", "Artifact", "Key", "Machine", "Run", "Workflow"].map(
    (name) => `drover.v1.${name}Service`,
  );
  for (const service of [...ours, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]) {
    assert.ok(services.includes(service), `${service} in ${listed.out}${listed.err}`);
  }
  const methods = await bufCurl([...grpc, "--list-methods", product.server.apiUrl]);
  assert.match(methods.out, /^drover\.v1\.RunService\/WatchRun$/m);

  for (const version of ["v1", "v1alpha"]) {
    const asked = JSON.stringify({ fileContainingSymbol: "drover.v1.RunService.WatchRun" });
    const reflection = `${product.server.apiUrl}/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const told = await bufCurl([...grpc, "-d", asked, reflection]);
    const answer = JSON.parse(told.out || told.err) as { fileDescriptorResponse: { fileDescriptorProto: string[] } };
    const service = answer.fileDescriptorResponse.fileDescriptorProto
      .map((file) => fromBinary(FileDescriptorProtoSchema, Buffer.from(file, "base64")))
      .flatMap((file) => file.service.filter(({ name }) => `${file.package}.${name}` === "drover.v1.RunService"))[0];
    const method = service?.method.find(({ name }) => name === "WatchRun");
    assert.equal(method?.inputType, ".drover.v1.WatchRunRequest");
    assert.equal(method?.outputType, ".drover.v1.WatchRunResponse");
    assert.equal(method?.serverStreaming, true);
  }
});

test("a gRPC client starts a run and is told every event to the last, with the outputs", async () => {
  const inputs = { path: "/notes/grpc", text: "by gRPC" };
  const started = await callGrpc(caller.secret, "RunService/StartRun", { workflow: "note", inputs });
  const { id, state } = (JSON.parse(started.out || started.err) as { run: { id: string; state: string } }).run;
  assert.equal(state, "RUN_STATE_QUEUED");
  const watched = await callGrpc(caller.secret, "RunService/WatchRun", { runId: id });
  assert.equal(watched.code, 0, watched.err);
  const events = documents(watched.out).flatMap(({ event }) => (event === undefined ? [] : [event as WireEvent]));
  assert.deepEqual(
    events.map(({ number }) => Number(number)),
    events.map((_, index) => index + 1),
  );
  assert.equal(events[0]?.kind, "RUN_EVENT_KIND_QUEUED");
  assert.deepEqual(
    [events.at(-1)?.kind, events.at(-1)?.outcome, events.at(-1)?.outputs],
    ["RUN_EVENT_KIND_ENDED", "OUTCOME_SUCCEEDED", { path: inputs.path }],
  );
  assert.deepEqual(machine.world.files.get(inputs.path), { text: inputs.text, saves: 1 });
});

interface WireEvent {
  readonly number: string;
  readonly kind: string;
  readonly outcome?: string;
  readonly outputs?: unknown;
}

test("curl starts a run and gets it, with JSON and no more", async () => {
  const inputs = { path: "/notes/curl", text: "by curl" };
  const started = await curlJson(
    url("RunService/StartRun"),
    caller.secret,
    JSON.stringify({ workflow: "note", inputs }),
  );
  assert.equal(started.status, 200, started.body);
  const { id } = JSON.parse(started.body).run;
  const got = await until("the run has ended", async () => {
    const { status, body } = await curlJson(url("RunService/GetRun"), caller.secret, JSON.stringify({ runId: id }));
    assert.equal(status, 200, body);
    const { run } = JSON.parse(body);
    return run.state === "RUN_STATE_ENDED" ? run : undefined;
  });
  assert.deepEqual([got.outcome, got.inputs, got.outputs], ["OUTCOME_SUCCEEDED", inputs, { path: inputs.path }]);
  assert.equal(got.attempts[0].machineName, "vm-1");
});

test("a web page of an allowed origin watches a run over gRPC-web to its end; of another origin it sees nothing", async () => {
  machine.holdNext();
  const run = await client.start("held.note", { path: "/notes/web", text: "by gRPC-web" });
  const { opened, watch, seen } = await page();
  const answered = opened.waitForEvent(
    "response",
    (r) => r.url().endsWith("/WatchRun") && r.request().method() === "POST",
  );
  const watching = watch(caller.secret, run.id);
  // It is watched while it happens, not after.
  await until("the page sees events", async () => (await seen()) > 0);
  machine.release();
  const watched = await watching;
  assert.equal(watched.error, undefined);
  assert.deepEqual(
    watched.events.map(({ number }) => number),
    watched.events.map((_, index) => index + 1),
  );
  assert.equal(watched.events.at(-1)?.kind, "ENDED");
  assert.deepEqual(watched.outputs, { path: "/notes/web" });
  const response = await answered;
  for (const headers of [response.request().headers(), response.headers()]) {
    assert.match(headers["content-type"] ?? "", /^application\/grpc-web(\+proto)?$/);
  }
  assert.equal(response.headers()["access-control-allow-origin"], pageUrl("127.0.0.1"));

  const stranger = await page("localhost");
  const refused = await stranger.watch(caller.secret, run.id);
  assert.deepEqual([refused.events, refused.error?.name], [[], "Unavailable"]);
});

test("a request that breaks rules is told each field that does, by gRPC and by JSON", async () => {
  const bad = { workflow: "", priority: 500, timeout: "-1s", idempotencyKey: "k".repeat(300) };
  const fields = ["workflow", "idempotency_key", "priority", "timeout"];
  const answer = await curlJson(url("RunService/StartRun"), caller.secret, JSON.stringify(bad));
  const { code, details } = JSON.parse(answer.body) as { code: string; details: { type: string; debug: unknown }[] };
  assert.deepEqual([answer.status, code], [400, "invalid_argument"]);
  const violations = details.find(({ type }) => type === "google.rpc.BadRequest")?.debug as {
    fieldViolations: { field: string; description: string }[];
  };
  assert.deepEqual(violations.fieldViolations.map(({ field }) => field).sort(), [...fields].sort());
  assert.ok(violations.fieldViolations.every(({ description }) => description.length > 0));

  const refused = await callGrpc(caller.secret, "RunService/StartRun", bad);
  const message = (JSON.parse(refused.err) as { message: string }).message;
  for (const field of fields) assert.match(message, new RegExp(`\\b${field}: `));
  const many = await callGrpc(caller.secret, "RunService/StartRuns", {
    runs: [{ workflow: "note" }, { priority: -101 }],
  });
  assert.match(many.err, /runs\[1\]\.workflow: .*runs\[1\]\.priority: /);
});

test("no key, a wrong key and a revoked key are unauthenticated; a key of too small a scope is denied permission", async () => {
  const [revoked, operator] = await Promise.all([newKey("CALLER"), newKey("OPERATOR")]);
  await client.revokeKey(revoked.id);
  const wanted = { owner: "nobody", scope: "SCOPE_ADMIN" };
  const cases = [
    [undefined, "RunService/ListRuns", {}, 401, unauthenticated, /key/i],
    ["drover_key_of-nobody", "RunService/ListRuns", {}, 401, unauthenticated, /key/i],
    [revoked.secret, "RunService/ListRuns", {}, 401, unauthenticated, /revoked/],
    [caller.secret, "MachineService/ListMachines", {}, 403, permissionDenied, /scope operator; this one is caller/],
    [operator.secret, "KeyService/CreateKey", wanted, 403, permissionDenied, /scope admin; this one is operator/],
  ] as const;
  for (const [secret, method, data, status, code, message] of cases) {
    const json = await curlJson(url(method), secret, JSON.stringify(data));
    assert.equal(json.status, status, json.body);
    assert.match(json.body, message);
    const byGrpc = await callGrpc(secret, method, data);
    // buf's exit code is the gRPC code, shifted.
    assert.equal(byGrpc.code, code << 3, byGrpc.err);
    assert.match(byGrpc.err, message);
  }
  const watched = await callGrpc(undefined, "RunService/WatchRun", { runId: "00000000-0000-7000-8000-000000000001" });
  assert.equal(watched.code, unauthenticated << 3, watched.err);
});

test("a key that is revoked ends its open streams at once: gRPC, gRPC-web and JSON; another key's stays", async (t) => {
  machine.holdNext();
  const key = await newKey("CALLER");
  const run = await client.start("held.note", { path: "/notes/revoked", text: "watched by many" });
  const data = JSON.stringify({ runId: run.id });
  const buf = resolve(import.meta.dirname, "../../node_modules/.bin/buf");
  const byGrpc = (secret: string) =>
    new Followed("env", ["-C", "/", buf, "curl", ...grpc, ...bearer(secret), "-d", data, url("RunService/WatchRun")]);
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(data.length, 1);
  const streams = {
    grpc: byGrpc(key.secret),
    json: new Followed(
      "curl",
      ["-sSN", "-H", "content-type: application/connect+json", ...bearer(key.secret), "--data-binary", "@-"].concat(
        url("RunService/WatchRun"),
      ),
      Buffer.concat([envelope, Buffer.from(data)]),
    ),
  };
  const kept = byGrpc(caller.secret);
  t.after(() => Promise.all([...Object.values(streams), kept].map((stream) => stream.stop())));
  const { watch, seen } = await page();
  const watching = watch(key.secret, run.id);
  await Promise.all([
    ...[...Object.values(streams), kept].map((stream) => stream.says(/"held"/)),
    until("the page sees events", async () => (await seen()) > 0),
  ]);

  const began = performance.now();
  await client.revokeKey(key.id);
  let web: Watched | undefined;
  watching.then(
    (watched) => {
      web = watched;
    },
    // The page was closed, because this test has failed.
    () => undefined,
  );
  await Promise.all([
    until("the page's stream has ended", () => web, revokedWithinMs),
    ...Object.values(streams).map((stream) => stream.end(revokedWithinMs)),
  ]);
  t.diagnostic(`all closed within ${Math.round(performance.now() - began)} ms`);
  assert.equal(streams.grpc.code, unauthenticated << 3, streams.grpc.err);
  assert.match(streams.grpc.err, /revoked/);
  assert.match(streams.json.out, /"error":\{"code":"unauthenticated","message":"[^"]*revoked/);
  assert.equal((await watching).error?.name, "Unauthenticated");

  assert.equal(kept.code, undefined);
  machine.release();
  assert.equal((await kept.end(20_000)).code, 0, kept.err);
  assert.match(kept.out, /RUN_EVENT_KIND_ENDED/);
});
