// Who may read /metrics, and how it is answered when it cannot be told.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import { hashOf } from "../../../server/api/keyring.ts";
import type { KeyId, TenantId } from "../../../server/rules/names.ts";
import type { Scope } from "../../../server/store/schema/tenancy.ts";
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

test("while the database is away, a key that was good still opens the metrics, and no other does; one that was revoked opens nothing", async (t) => {
  const keys = new Map<string, { scope: Scope; expiresAt?: number }>();
  const state = { away: false };
  const { api, wakeup } = await serve(t, {
    authenticate: async (hash) => {
      if (state.away) throw new Error("Jane Doe");
      const known = keys.get(Buffer.from(hash).toString("hex"));
      return known && { tenant: tenantA, keyId: "k" as KeyId, owner: "o", ...known };
    },
  });
  const made = (name: string, key: { scope: Scope; expiresAt?: number }) => {
    keys.set(hashOf(name).toString("hex"), key);
    return name;
  };
  const status = async (secret: string) => {
    const answer = await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${secret}` } });
    if (answer.status === 503) assert.equal(await answer.text(), "The metrics cannot be told now. Ask again.\n");
    return answer.status;
  };
  const soon = made("soon", { scope: "operator", expiresAt: Date.now() + 60_000 });
  const [good, revoked, caller, unseen] = ["good", "revoked", "caller", "unseen"].map((name) =>
    made(name, { scope: name === "caller" ? "caller" : "operator" }),
  ) as [string, string, string, string];
  const statuses = (...secrets: string[]) => Promise.all(secrets.map(status));
  assert.deepEqual(await statuses(good, revoked, caller, soon), [200, 200, 403, 200]);
  keys.delete(hashOf(revoked).toString("hex"));
  wakeup.publish("keys");
  assert.deepEqual(await statuses(revoked), [401]);
  state.away = true;
  wakeup.publish("keys");
  assert.deepEqual(await statuses(good, revoked, caller, unseen, soon), [200, 503, 403, 503, 200]);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 120_000 });
  assert.deepEqual(await statuses(soon, good), [401, 200]);
});

test("where there are no metrics there is no page", async (t) => {
  const none = await serve(t, { metrics: undefined });
  assert.equal((await none.get(none.key("operator"))).status, 404);
});
