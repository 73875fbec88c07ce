// What an agent reports, as the rules have it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ResultSchema, SurfaceCause, Verdict } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { resultOf } from "../../../server/channel/reported.ts";
import { surfaceCauses } from "../../../server/rules/verdict.ts";

const proofWith = (surfaceCause: SurfaceCause) =>
  resultOf(create(ResultSchema, { number: 1, proof: { verdict: Verdict.NO_SURFACE, surfaceCause } })).proof;

test("each cause of a missing surface that an agent can say is kept under its own name, and none where it says none", () => {
  for (const cause of surfaceCauses) assert.equal(proofWith(SurfaceCause[cause])?.surfaceCause, cause);
  const sayable = Object.values(SurfaceCause).filter((value) => typeof value === "number");
  assert.equal(sayable.length, surfaceCauses.length + 1);
  assert.equal(proofWith(SurfaceCause.UNSPECIFIED)?.surfaceCause, undefined);
});
