// A body that cannot be read is answered without a piece of it (G11), in every protocol that carries JSON.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serveStub } from "./stub.ts";

/** A message with the five bytes before it that streams have. */
function enveloped(body: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(body);
  const whole = new Uint8Array(5 + bytes.length);
  new DataView(whole.buffer).setUint32(1, bytes.length);
  whole.set(bytes, 5);
  return whole;
}

const bodies = [
  '{"inputs":{"text":"Jane Doe',
  '{"inputs":Jane}',
  '{"inputs":"Jane Doe"}',
  '{"priority":"Jane Doe"}',
  '{"timeout":"Jane Doe"}',
  '{"workflow":["Jane Doe"]}',
  '{"Jane Doe":1}',
  '"Jane Doe"',
  "Jane Doe",
];

test("nothing of a body that cannot be read comes back (G11)", async (t) => {
  const { api, key, logged } = await serveStub(t);
  const authorization = `Bearer ${key("operator")}`;
  const ask = async (method: string, type: string, body: string | Uint8Array<ArrayBuffer>) => {
    const headers = { authorization, "content-type": type };
    const answer = await fetch(`${api.url}/drover.v1.RunService/${method}`, { method: "POST", headers, body });
    const trailers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    return { status: answer.status, said: decodeURIComponent(`${trailers}\n${await answer.text()}`) };
  };
  for (const body of bodies) {
    const unary = await ask("StartRun", "application/json", body);
    assert.equal(unary.status, 400, body);
    const others = [
      await ask(
        "WatchRun",
        "application/connect+json",
        enveloped(body.replace(/inputs|priority|timeout|workflow/, "afterEvent")),
      ),
      await ask("StartRun", "application/grpc-web+json", enveloped(body)),
    ];
    for (const { said } of [unary, ...others]) {
      assert.match(said, /The body cannot be read as JSON: (message|field) [\w.]+/, body);
      assert.doesNotMatch(said, /Jane|Doe/, body);
    }
  }
  assert.match((await ask("ListRuns", "application/json", '{"state":"Jane Doe"}')).said, /enum drover.v1.RunState\./);
  const misspelt = await ask("StartRun", "application/json", '{"idempotencykey":"Jane Doe"}');
  assert.match(misspelt.said, /key \\"idempotencykey\\" is unknown/);
  assert.doesNotMatch(misspelt.said + logged.join(), /Jane/);
});
