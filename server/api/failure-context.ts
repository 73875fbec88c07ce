// How it came that a run did not succeed, as a message of drover.v1.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { FailureContextSchema, TimelineEntrySchema } from "@drover/proto/gen/drover/v1/outcome_pb.ts";
import { inventoryDifferences, inventoryFacts } from "../rules/inventory-difference.ts";
import type { FailureContextView, TimelineView } from "../store/failure-context.ts";
import type { RunView } from "../store/run-reads.ts";
import { failureMessage, proofMessage, timestamp } from "./run-messages.ts";

/** Of a run that had no attempt, only the failure is known, if that. */
export function failureContextMessage(
  run: RunView,
  context: FailureContextView | undefined,
): MessageInitShape<typeof FailureContextSchema> {
  if (context === undefined) return { failure: failureMessage(run.failure) };
  const { inventory, compared } = context;
  const comparable = inventory !== null && compared !== null;
  return {
    // A run that waits for another attempt has none of its own.
    failure: failureMessage(run.failure ?? context.failure),
    attempt: context.attempt,
    machine: context.machine,
    film: context.film.map(({ artifactId, step, at }) => ({ artifactId, step: step ?? "", at: timestamp(at) })),
    timeline: context.timeline.map(timelineEntry),
    proof: context.proof === null ? undefined : proofMessage(context.proof),
    inventory: inventory === null ? [] : inventoryFacts(inventory),
    differences: comparable ? inventoryDifferences(inventory, compared.inventory) : [],
    comparedRunId: comparable ? compared.runId : "",
  };
}

const timelineEntry = (entry: TimelineView): MessageInitShape<typeof TimelineEntrySchema> => ({
  at: timestamp(entry.at),
  step: entry.step,
  action: entry.action,
  duration: entry.durationMs === null ? undefined : durationFromMs(entry.durationMs),
  input: entry.input?.toUpperCase() ?? "",
  failure: failureMessage(entry.failure),
});
