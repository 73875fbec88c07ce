// Every kind of "no" reaches the caller as a class of its own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFrom, ServerFault } from "../../sdk/errors.ts";
import { Reason } from "../../sdk/gen/drover/v1/error_pb.ts";
import {
  createClient,
  InvalidRequest,
  PermissionDenied,
  Refused,
  Unauthenticated,
  Unavailable,
} from "../../sdk/index.ts";
import { isRetryable } from "../../sdk/retryable.ts";
import { FakeApi } from "../support/fake-api.ts";
import { adminKey, refusal } from "../support/fake-services.ts";

const api = new FakeApi();
const limits = { backoffMinMs: 5, backoffMaxMs: 20, callPatienceMs: 300 };
before(() => api.start());
after(() => api.kill());
const clientWith = (key?: string) => createClient({ url: api.url, key, limits });

test("a refusal carries its reason", async () => {
  const { start, run } = clientWith(adminKey);
  await assert.rejects(start("no.such"), (error) => error instanceof Refused && error.reason === "WORKFLOW_NOT_FOUND");
  await assert.rejects(run("0198").cancel(), (error) => error instanceof Refused && error.reason === "RUN_NOT_FOUND");
  await assert.rejects(run("0198").result(), (error) => error instanceof Refused && error.reason === "RUN_NOT_FOUND");
});

test("inputs that do not fit are named one by one", async () => {
  await assert.rejects(clientWith(adminKey).start("notes.save", { text: 7 }), (error) => {
    assert.ok(error instanceof InvalidRequest);
    assert.equal(error.reason, "INPUTS_INVALID");
    assert.deepEqual(error.violations, [{ field: "inputs.text", description: "must be a string" }]);
    return true;
  });
});

test("a missing key and an insufficient one are told apart", async () => {
  await assert.rejects(clientWith().run("0198").refresh(), Unauthenticated);
  await assert.rejects(clientWith("wrong").start("notes.save"), Unauthenticated);
  await assert.rejects(clientWith("caller-key").putWorkflow("workflow: x"), PermissionDenied);
});

test("a key may be fetched for each call", async () => {
  let fetched = 0;
  const { start } = createClient({
    url: api.url,
    key: async () => {
      fetched++;
      return adminKey;
    },
  });
  await start("notes.save");
  assert.equal(fetched, 1);
});

test("a server that is not there is Unavailable once patience has ended", async () => {
  const { start } = createClient({ url: "http://127.0.0.1:9", key: adminKey, limits });
  await assert.rejects(start("notes.save"), Unavailable);
});

test("a lost database is waited for", async () => {
  api.state.before.set("GetRun", (call) => {
    if (call < 3) throw refusal(Code.Unavailable, "STORE_UNAVAILABLE", "The server cannot reach its database.");
  });
  api.state.calls.delete("GetRun");
  const { run } = api.addRun();
  assert.equal((await clientWith(adminKey).run(run.id).refresh()).id, run.id);
  api.state.before.delete("GetRun");
});

test("making a secret is not tried again when it may have arrived", async () => {
  api.state.calls.delete("CreateKey");
  api.state.before.set("CreateKey", () => api.cut());
  await assert.rejects(clientWith(adminKey).createKey({ owner: "billing", scope: "CALLER" }), Unavailable);
  assert.equal(api.state.calls.get("CreateKey"), 1);
  api.state.before.delete("CreateKey");
});

test("a fault of the server's own is neither retried nor hidden", () => {
  const fault = new ConnectError("a bug", Code.Internal);
  assert.equal(isRetryable(fault), false);
  assert.ok(errorFrom(fault) instanceof ServerFault);
});

test("a cancelled stream is retryable unless the caller cancelled it", () => {
  const cancelled = new ConnectError("http/2 stream closed with error code CANCEL (0x8)", Code.Canceled);
  assert.equal(isRetryable(cancelled), true);
  assert.equal(isRetryable(cancelled, AbortSignal.abort()), false);
});

test("no reason of the closed list is retryable but the lost database", () => {
  for (const reason of Object.keys(Reason) as (keyof typeof Reason)[]) {
    const refused = refusal(Code.Unavailable, reason, "no");
    assert.equal(isRetryable(refused), reason === "STORE_UNAVAILABLE", reason);
  }
});

test("an address that is none is refused at once, in words", () => {
  assert.throws(() => createClient({ url: "127.0.0.1:7400" }), /is no address of an API; expected something like/);
  assert.throws(() => createClient({ url: [] }), /at least one url/);
});
