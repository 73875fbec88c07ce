// One word for one thing: what the protocol, the rules and the documentation call the same must be the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescEnum } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  EffectSchema,
  FailureCategorySchema,
  InputAmountSchema,
  LeasePurposeSchema,
  VerdictSchema,
} from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { ReasonSchema } from "../../proto/gen/drover/v1/error_pb.ts";
import { RunEventKindSchema } from "../../proto/gen/drover/v1/event_pb.ts";
import { WaitReasonSchema } from "../../proto/gen/drover/v1/explanation_pb.ts";
import { MachineStatusSchema } from "../../proto/gen/drover/v1/machine_pb.ts";
import { CommitLabelSchema, OutcomeSchema } from "../../proto/gen/drover/v1/outcome_pb.ts";
import { RolloutFaultSchema, StopReasonSchema } from "../../proto/gen/drover/v1/release_pb.ts";
import { RunStateSchema } from "../../proto/gen/drover/v1/run_pb.ts";
import { refusalError } from "../../server/api/errors.ts";
import type { Effect, InputAmount } from "../../server/rules/command.ts";
import type { CommitLabel } from "../../server/rules/commit.ts";
import type { EventBody } from "../../server/rules/event.ts";
import { agentFailures, controlFailures } from "../../server/rules/failure.ts";
import { leasePurposes } from "../../server/rules/lease.ts";
import { machineStatuses } from "../../server/rules/machine.ts";
import { reasons } from "../../server/rules/refusal.ts";
import { rolloutFaults } from "../../server/rules/release.ts";
import { stopReasons } from "../../server/rules/rollout.ts";
import { outcomes, runStates } from "../../server/rules/run.ts";
import { verdicts } from "../../server/rules/verdict.ts";
import { waitReasons } from "../../server/rules/wait-reason.ts";
import { read } from "./sources.ts";

/** The words of an enum without its prefix and without the zero, which is never sent. */
const wordsOf = ({ values, sharedPrefix = "" }: DescEnum): string[] =>
  values.filter(({ number }) => number !== 0).map(({ name }) => name.slice(sharedPrefix.length));

const sorted = (words: Iterable<string>) => [...words].map((word) => word.toUpperCase()).sort();

// The compiler keeps these complete: a word more or less in the rules does not compile.
const effects: Record<Effect, true> = { none: true, idempotent: true, commit: true };
const amounts: Record<InputAmount, true> = { none: true, some: true, all: true };
const labels: Record<CommitLabel, true> = { BEFORE_COMMIT: true, AFTER_COMMIT: true, UNKNOWN: true };
const kinds: Record<EventBody["kind"], true> = {
  QUEUED: true,
  PLACED: true,
  PROVED: true,
  REPAIRING: true,
  STEP_STARTED: true,
  STEP_DONE: true,
  STEP_FAILED: true,
  HOLDING: true,
  RESUMED: true,
  ATTEMPT_ENDED: true,
  REQUEUED: true,
  CANCEL_REQUESTED: true,
  MOVED_TO_FRONT: true,
  ENDED: true,
  UNSETTLED: true,
  VERIFIED: true,
  RESOLVED: true,
};

const pairs: readonly (readonly [DescEnum, Iterable<string>])[] = [
  [ReasonSchema, reasons],
  [FailureCategorySchema, agentFailures],
  [VerdictSchema, verdicts],
  [InputAmountSchema, Object.keys(amounts)],
  [EffectSchema, Object.keys(effects)],
  [LeasePurposeSchema, leasePurposes],
  [OutcomeSchema, outcomes],
  [CommitLabelSchema, Object.keys(labels)],
  [RunStateSchema, runStates],
  [RunEventKindSchema, Object.keys(kinds)],
  [MachineStatusSchema, machineStatuses],
  [WaitReasonSchema, waitReasons],
  [RolloutFaultSchema, rolloutFaults],
  [StopReasonSchema, stopReasons],
];

for (const [desc, words] of pairs) {
  test(`${desc.typeName} of the protocol has the words of the rules`, () => {
    assert.deepEqual(sorted(wordsOf(desc)), sorted(words));
  });
}

/** The first column of the table below a heading of docs/failures.md. */
function documented(heading: string): string[] {
  const [, rest = ""] = read("docs/failures.md").split(`\n## ${heading}\n`);
  const section = rest.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| `?([A-Z][A-Z_]+)`? +\|/gm)].map((row) => row[1] ?? "");
}

const sections: readonly (readonly [string, Iterable<string>])[] = [
  ["Refusals", reasons],
  ["Failure categories", [...agentFailures, ...controlFailures]],
  ["Verdicts", verdicts],
  ["Rollout faults", rolloutFaults],
  ["Outcomes", outcomes],
  ["Commit labels", Object.keys(labels)],
];

for (const [heading, words] of sections) {
  test(`docs/failures.md explains exactly what there is: ${heading.toLowerCase()}`, () => {
    assert.deepEqual(sorted(documented(heading)), sorted(words));
  });
}

test("docs/waiting.md explains every reason for which a run waits, in the order in which they are told", () => {
  const rows = [...read("docs/waiting.md").matchAll(/^\| ([A-Z][A-Z_]+) \| ([^|]+) \| ([^|]+) \|$/gm)];
  assert.deepEqual(
    rows.map(([, reason]) => reason),
    waitReasons,
  );
});

test("docs/failures.md says the code that a refusal really has", () => {
  for (const reason of reasons) {
    const code = Code[refusalError({ reason, message: "" }).code] ?? "";
    const written = code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    assert.match(read("docs/failures.md"), new RegExp(`^\\| ${reason} +\\| ${written} +\\|`, "m"), reason);
  }
});

test("every row of docs/failures.md says something in every column", () => {
  const rows = read("docs/failures.md")
    .split("\n")
    .filter((line) => /^\| [A-Z_]{4,} +\|/.test(line));
  for (const row of rows) assert.doesNotMatch(row, /\|\s*\|/, row.slice(0, 60));
  assert.ok(rows.length > 40);
});
