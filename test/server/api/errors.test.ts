import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ReasonSchema } from "../../../proto/gen/drover/v1/error_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { codes, refusalError, wireError } from "../../../server/api/errors.ts";
import { reasons } from "../../../server/rules/refusal.ts";

const silent = { error: () => undefined };

test("the reasons of error.proto are those of the rules, and each has a code", () => {
  const sent = ReasonSchema.values
    .map(({ name }) => name.replace("REASON_", ""))
    .filter((name) => name !== "UNSPECIFIED");
  assert.deepEqual(sent.toSorted(), [...reasons].toSorted());
  for (const reason of reasons) assert.ok(Code[codes[reason]], reason);
});

test("a refusal carries its reason, and its problems as field violations", () => {
  const error = refusalError({
    reason: "DEFINITION_INVALID",
    message: "The workflow has a problem.",
    problems: [{ field: "steps[3]", message: "line 7: no such action. Did you mean `click`?" }],
  });
  assert.equal(error.code, Code.InvalidArgument);
  const [info] = error.findDetails(ErrorInfoSchema);
  assert.deepEqual([info?.reason, info?.domain], ["DEFINITION_INVALID", "drover"]);
  const [violation] = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  assert.equal(violation?.field, "steps[3]");
});

test("a fault tells neither the caller nor the log what was in it", () => {
  const logged: unknown[] = [];
  const cause = Object.assign(new Error("Key (owner)=(Jane Doe) already exists"), { code: "23505" });
  const fault = new Error("Failed query: insert ... params: Jane Doe", { cause });
  const error = wireError(
    fault,
    { error: (message, fields) => logged.push(message, fields) },
    "drover.v1.KeyService/CreateKey",
  );
  assert.equal(error.code, Code.Internal);
  assert.equal(error.cause, undefined);
  const log = JSON.stringify(logged);
  assert.doesNotMatch(error.message + log, /Jane/);
  const id = /log under (\S+)\.$/.exec(error.message)?.[1] ?? "none";
  assert.ok(log.includes(id) && log.includes("23505") && log.includes("errors.test.ts"), log);
});

test("a database that is away is UNAVAILABLE, however deep the driver hides it", () => {
  for (const code of ["ECONNREFUSED", "CONNECTION_CLOSED", "CONNECT_TIMEOUT", "57P01", "57P03", "08006", "53300"]) {
    const error = wireError(new Error("query", { cause: Object.assign(new Error("x"), { code }) }), silent, "p");
    assert.equal(error.code, Code.Unavailable, code);
    assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, "STORE_UNAVAILABLE");
  }
  assert.equal(wireError(Object.assign(new Error(), { code: "22P02" }), silent, "p").code, Code.Internal);
  const already = new ConnectError("as it is", Code.OutOfRange);
  assert.equal(wireError(already, silent, "p"), already);
});
