// How it came that a run did not succeed, for people: what was done in its last attempt, where its frames are, and in what the machine
// differs from the one on which the workflow last succeeded.

import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type {
  FailureContext,
  InventoryDifference,
  ReadinessProof,
  TimelineEntry,
} from "../gen/drover/v1/outcome_pb.ts";
import { cleaned } from "./screen-text.ts";
import { spanText } from "./spans.ts";
import { type Column, table } from "./table.ts";

/** The lines; none when nothing is known but the failure. */
export function contextLines(context: FailureContext, runId: string, width: number): string[] {
  const { attempt, machine, timeline, film, proof, differences, comparedRunId } = context;
  if (attempt === 0) return [];
  const lines = [`Attempt ${attempt} on ${cleaned(machine)}:`];
  if (timeline.length > 0) lines.push(...table(timelineColumns, timeline, width));
  if (proof !== undefined) lines.push("", proofLine(proof));
  const [last] = film.slice(-1);
  if (last !== undefined) {
    const step = last.step === "" ? "" : `, the last at ${cleaned(last.step)}`;
    lines.push("", `${film.length} frames are kept${step}. Save them: drover film ${cleaned(runId)}`);
  } else if (timeline.length > 0) lines.push("", "Its frames are kept no longer, or there were none.");
  if (comparedRunId === "") return lines;
  const success = `the machine of the last success (run ${cleaned(comparedRunId)})`;
  if (differences.length === 0) return [...lines, "", `The machine was as ${success}.`];
  return [
    ...lines,
    "",
    `In what the machine differs from ${success}:`,
    ...table(differenceColumns, differences, width),
  ];
}

const timelineColumns: Column<TimelineEntry>[] = [
  { title: "AT", value: ({ at }) => (at === undefined ? "" : timestampDate(at).toISOString().slice(11, 23)) },
  { title: "STEP", value: ({ step }) => step, elastic: true },
  { title: "ACTION", value: ({ action }) => action },
  { title: "TOOK", value: ({ duration }) => (duration === undefined ? "" : spanText(durationMs(duration))) },
  { title: "INPUT", value: ({ input }) => input },
  { title: "FAILURE", value: ({ failure }) => failure?.category ?? "" },
];

const differenceColumns: Column<InventoryDifference>[] = [
  { title: "WHAT", value: ({ name }) => name, elastic: true },
  { title: "HERE", value: ({ value }) => value, elastic: true },
  { title: "THERE", value: ({ before }) => before, elastic: true },
];

function proofLine({ verdict, surfaceCause, evidence }: ReadinessProof): string {
  const failed = evidence.filter(({ held }) => !held).map(({ probe }) => probe);
  const why = [surfaceCause, ...(failed.length > 0 ? [`not held: ${failed.join(", ")}`] : [])].filter(Boolean);
  return cleaned(`Readiness: ${verdict}${why.length > 0 ? ` (${why.join("; ")})` : ""}`);
}
