// drover explain: why a run waits, over the whole fleet and as of now.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { sleep } from "../backoff.ts";
import {
  type Explanation,
  ExplanationSchema,
  type NearMachine,
  type WaitCause,
} from "../gen/drover/v1/explanation_pb.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { cleaned, safeJson } from "./screen-text.ts";
import { isAhead, whenText } from "./spans.ts";
import { type Column, table } from "./table.ts";
import { ownText, reasonOf, sentence, whyText } from "./why.ts";

/** Between two looks with --watch. */
const everyMs = 1_000;

export function addExplain(program: Command): Command {
  return addCommand(
    program,
    "explain <run>",
    "tell why a run waits: what keeps it from which machines, and its place",
    [
      "drover explain 01980000-0000-7000-8000-000000000001",
      "drover explain 01980000-0000-7000-8000-000000000001 --watch",
      "drover explain 01980000-0000-7000-8000-000000000001 --json | jq .causes",
    ],
  )
    .option("--watch", "tell it again each second, until the run is placed")
    .action(
      act(async (desk, id: string, { watch }: { watch?: boolean }) => {
        for (let before = ""; ; await sleep(everyMs, desk.signal)) {
          const explanation = await desk.client.explain(id, { signal: desk.signal });
          const text = textOf(desk, explanation, watch);
          if (text !== before) show(text, watch === true && !desk.json && process.stdout.isTTY);
          before = text;
          if (!watch || !explanation.waiting) return;
        }
      }),
    );
}

/** On a terminal what is watched stays where it is. */
function show(text: string, inPlace: boolean): void {
  process.stdout.write(`${inPlace ? "\u001b[H\u001b[J" : ""}${text}\n`);
}

function textOf({ json }: Desk, explanation: Explanation, watch = false): string {
  if (json) return safeJson(jsonOf(ExplanationSchema, explanation), watch ? undefined : 2);
  return explanationLines(explanation, process.stdout.columns ?? 80).join("\n");
}

const causeColumns: Column<WaitCause>[] = [
  { title: "MACHINES", value: (cause) => (cause.machines === 0 ? "" : String(cause.machines)) },
  { title: "REASON", value: reasonOf },
  { title: "WHICH", value: ({ detail }) => detail, elastic: true },
  { title: "OVER", value: ({ until }) => soonText(until) },
];

const nearColumns: Column<NearMachine>[] = [
  { title: "NEAREST", value: ({ machine }) => machine, elastic: true },
  { title: "REASON", value: reasonOf },
  { title: "WHICH", value: ({ detail }) => detail, elastic: true },
  { title: "EXPECTED", value: ({ expected }) => soonText(expected) },
];

/** For a terminal of so many columns: the sentence that says most, then the counts, the nearest machines, and what comes of it. */
export function explanationLines(explanation: Explanation, width: number): string[] {
  const { waiting, unmet, causes, nearest, nextFree, place, deadline, fleet } = explanation;
  const lines = wrapped(sentence(cleaned(whyText(explanation))), width);
  if (!waiting) return lines;
  // What is said first hides nothing: the run may be held back by itself as well.
  const own = unmet === "" ? [] : causes.flatMap((cause) => ownText(cause) ?? []);
  for (const text of own) lines.push(...wrapped(sentence(cleaned(text)), width));
  if (causes.length > 0) lines.push("", ...table(causeColumns, causes, width));
  if (nearest.length > 0) lines.push("", ...table(nearColumns, nearest, width));
  const free = fleet - causes.reduce((sum, { machines }) => sum + machines, 0);
  const facts: [string, string][] = [
    ["place", place === 1 ? "the next one" : `number ${place} of those that could go to the same machines`],
    ["next free", soonText(nextFree)],
    ["given up", whenText(deadline)],
    ["fleet", `${fleet} machine${fleet === 1 ? "" : "s"}${free > 0 ? `, ${free} of them fit and are free` : ""}`],
  ];
  lines.push("", ...facts.flatMap(([title, value]) => (value === "" ? [] : `${title.padEnd(11)}${value}`)));
  return lines;
}

/** What is expected, and is late, comes at any moment. */
const soonText = (at: Timestamp | undefined): string => (at === undefined || isAhead(at) ? whenText(at) : "any moment");

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
