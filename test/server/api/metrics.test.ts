// Who may read /metrics, and how it is answered when it cannot be told.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import type { TenantId } from "../../../server/rules/names.ts";
import { serveStub, tenantA, tenantB } from "./stub.ts";

const contentType = "text/plain; version=0.0.4; charset=utf-8";

async function serve(t: TestContext, given: Parameters<typeof serveStub>[1] = {}) {
  const asked: TenantId[] = [];
  const metrics = async (tenant: TenantId) => {
    asked.push(tenant);
    return { contentType, text: `up{tenant="${tenant === tenantA ? "a" : "b"}"} 1\n` };
  };
  const served = await serveStub(t, { metrics, ...given });
  const get = (secret: string | undefined, options: RequestInit = {}) => {
    const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    return fetch(`${served.api.url}/metrics`, { headers, ...options });
  };
  return { ...served, asked, get };
}

test("a key of scope operator reads the metrics of its own tenant, and only those (G12)", async (t) => {
  const { key, asked, get } = await serve(t);
  for (const [scope, tenant, name] of [
    ["operator", tenantA, "a"],
    ["admin", tenantB, "b"],
  ] as const) {
    const answer = await get(key(scope, tenant));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), contentType);
    assert.equal(await answer.text(), `up{tenant="${name}"} 1\n`);
  }
  assert.deepEqual(asked, [tenantA, tenantB]);
});

test("who has no key, no good one, or one that may not, is told so plainly, and nothing is read", async (t) => {
  const { key, revoke, asked, get } = await serve(t);
  const revoked = key("operator");
  revoke(revoked);
  for (const secret of [undefined, "drover_key_guess", revoked]) {
    const answer = await get(secret);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.match(await answer.text(), /authorization: Bearer/);
  }
  const caller = await get(key("caller"));
  assert.equal(caller.status, 403);
  assert.match(await caller.text(), /scope operator; this one is caller/);
  assert.deepEqual(asked, []);
});

test("it can only be read: GET and HEAD, over HTTP/1.1 and HTTP/2", async (t) => {
  const { api, key, get } = await serve(t);
  const secret = key("operator");
  const headers = { authorization: `Bearer ${secret}` };
  const posted = await get(secret, { method: "POST", body: "x".repeat(100_000), headers });
  assert.equal(posted.status, 405);
  assert.equal(posted.headers.get("allow"), "GET, HEAD");
  const head = await get(secret, { method: "HEAD", headers });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.equal((await fetch(`${api.url}/metrics/`, { headers })).status, 404);
  assert.equal((await fetch(`${api.url}/metrics?debug=1`, { headers })).status, 200);
  const session = http2.connect(api.url);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/metrics", authorization: `Bearer ${secret}` });
  const status = new Promise((done) => stream.once("response", (answer) => done(answer[":status"])));
  let text = "";
  for await (const part of stream.setEncoding("utf8")) text += part;
  assert.deepEqual([await status, text], [200, 'up{tenant="a"} 1\n']);
});

test("while keys cannot be looked up, it is said that nothing can be told; where there are no metrics, there is no page", async (t) => {
  const away = await serve(t, { authenticate: () => Promise.reject(new Error("Jane Doe")) });
  const answer = await away.get("drover_key_any");
  assert.equal(answer.status, 503);
  assert.equal(await answer.text(), "The metrics cannot be told now. Ask again.\n");
  const none = await serve(t, { metrics: undefined });
  assert.equal((await none.get(none.key("operator"))).status, 404);
});
