import assert from "node:assert/strict";
import { test } from "node:test";
import { allServices, publicServices } from "../../../server/api/router.ts";
import { allows, needOf } from "../../../server/api/scopes.ts";

test("every RPC of every served service says what it needs of a key", () => {
  for (const { methods, typeName } of allServices) {
    for (const method of methods) assert.ok(needOf(method), `${typeName}.${method.name} has no entry in scopes.ts`);
  }
});

test("only health and reflection need no key", () => {
  for (const { methods } of publicServices) {
    for (const method of methods) assert.notEqual(needOf(method), "open", `${method.name} is open to everybody`);
  }
});

test("what scopes.ts says of an RPC is what its comment in the .proto says", async () => {
  const { readFileSync } = await import("node:fs");
  for (const { file, methods } of publicServices) {
    const proto = readFileSync(new URL(`../../../proto/${file.name}.proto`, import.meta.url), "utf8");
    for (const method of methods) {
      const comment = new RegExp(`((?: *//[^\\n]*\\n)+) *rpc ${method.name}\\(`).exec(proto)?.[1] ?? "";
      const said = /Scope: (\w+)\./.exec(comment.replaceAll(/\s+\/\/ /g, " "))?.[1];
      assert.equal(needOf(method), said, method.name);
    }
  }
});

test("each scope includes the ones before it", () => {
  assert.deepEqual(
    (["caller", "operator", "admin"] as const).map((scope) =>
      (["caller", "operator", "admin"] as const).map((need) => allows(scope, need)),
    ),
    [
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ],
  );
});
