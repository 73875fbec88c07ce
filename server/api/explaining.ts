// ExplainRun: why a run waits, as a message of drover.v1. Numbers, names and reasons; nothing of its inputs (G11).

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ExplanationSchema, WaitReason } from "@drover/proto/gen/drover/v1/explanation_pb.ts";
import type { Explanation } from "../rules/explanation.ts";
import type { RunId } from "../rules/names.ts";
import { timestamp } from "./run-messages.ts";

/** `not-waiting`: it runs, or has ended. */
export function explanationMessage(
  runId: RunId,
  explanation: Explanation | "not-waiting",
): MessageInitShape<typeof ExplanationSchema> {
  if (explanation === "not-waiting") return { runId, waiting: false };
  const { causes, nearest, fleet, nextFree, place, unmet, deadlineAt } = explanation;
  return {
    runId,
    waiting: true,
    causes: causes.map(({ reason, machines, detail, until }) => ({
      ...{ reason: WaitReason[reason], machines, detail },
      until: timestamp(until ?? null),
    })),
    fleet,
    nearest: nearest.map(({ machine, reason, detail, expected }) => ({
      ...{ machine, reason: WaitReason[reason], detail },
      expected: timestamp(expected ?? null),
    })),
    nextFree: timestamp(nextFree ?? null),
    place,
    unmet,
    deadline: timestamp(deadlineAt),
  };
}
