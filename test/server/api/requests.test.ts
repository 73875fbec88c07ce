import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createHandle, notFound } from "../../../server/api/requests.ts";
import { until, untilSettled } from "./stub.ts";

test("the handler of a client that stopped reading on HTTP/1.1 ends when that client goes away", async (t) => {
  let sent = 0;
  let over = false;
  async function* body() {
    try {
      for (; sent < 10_000; sent++) yield Buffer.alloc(10_000);
    } finally {
      over = true;
    }
  }
  const answer = async () => ({ status: 200, header: new Headers(), body: body() });
  const handler = Object.assign(answer, { requestPath: "/watch" }) as never;
  const server = createServer(createHandle([handler], [], notFound)).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as AddressInfo;
  const request = get({ port, path: "/watch" }, (response) => response.on("error", () => undefined).pause());
  request.on("error", () => undefined);
  await untilSettled("it waits for the client", () => sent);
  assert.ok(sent < 10_000);
  request.destroy();
  await until("its finally has run", () => over);
});
