// drover rollout: a version of the agent on its way onto the machines.

import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  type Rollout,
  RolloutFault,
  type RolloutRing,
  RolloutSchema,
  RolloutState,
  StopReason,
} from "../gen/drover/v1/release_pb.ts";
import { nameOf } from "../names.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { cleaned } from "./screen-text.ts";
import { spanMs, spanText, whenText } from "./spans.ts";
import { type Column, table } from "./table.ts";
import { wholeNumber } from "./whole-numbers.ts";

export function addRollout(program: Command): Command[] {
  const group = program.command("rollout").description("bring a version of the agent onto the machines");
  const start = addCommand(group, "start <version>", "canaries first, then the rest; stopped by failures", [
    "drover rollout start 1.4.0",
    "drover rollout start 1.4.0 --canaries 3 --soak 1h",
  ])
    .option("--canaries <number>", "how many machines go first (default: one in twenty)", wholeNumber(1, 10_000))
    .option("--soak <span>", "how long they have to stay attached with it (default: 10m)", spanMs)
    .action(
      act(async (desk, version: string, { canaries, soak }: { canaries?: number; soak?: number }) => {
        show(desk, await desk.client.startRollout(version, { canaries, soakMs: soak }));
      }),
    );
  const shown = addCommand(group, "show", "how far the newest one is", [
    "drover rollout show",
    "drover rollout show --json | jq '.failures[].machine'",
  ]).action(act(async (desk) => show(desk, await desk.client.rollout())));
  const stop = addCommand(group, "stop", "tell no further machine", ["drover rollout stop"]).action(
    act(async (desk) => show(desk, await desk.client.stopRollout())),
  );
  const resume = addCommand(group, "resume", "go on, without the machines that failed", [
    "drover rollout resume",
  ]).action(act(async (desk) => show(desk, await desk.client.resumeRollout())));
  return [start, shown, stop, resume];
}

interface Ring {
  name: string;
  count: RolloutRing | undefined;
}

const counted = (title: keyof Omit<RolloutRing, "$typeName" | "$unknown">): Column<Ring> => ({
  title: title.toUpperCase(),
  value: ({ count }) => String(count?.[title] ?? 0),
});

const columns: Column<Ring>[] = [
  { title: "RING", value: ({ name }) => name },
  ...(["waiting", "prepared", "restarting", "updated", "failed", "away"] as const).map(counted),
];

function show(desk: Desk, rollout: Rollout): void {
  if (desk.json) return desk.document(jsonOf(RolloutSchema, rollout));
  const { version, soak, createdAt, canaries, rest, leftOut, failures, retrying } = rollout;
  const state = nameOf(RolloutState, rollout.state) ?? "";
  const reason = nameOf(StopReason, rollout.stopReason);
  const why = reason === undefined ? "" : ` (${reason})`;
  const soaks = soak === undefined ? "" : `, soak ${spanText(durationMs(soak))}`;
  desk.out(`${cleaned(version)}  ${state}${why}  started ${whenText(createdAt)}${soaks}`);
  const rings = [
    { name: "canaries", count: canaries },
    { name: "rest", count: rest },
  ];
  for (const line of table(columns, rings, Number.POSITIVE_INFINITY)) desk.out(line);
  if (leftOut > 0) desk.out(`left out: ${leftOut} (no release for them, or agents that cannot be updated)`);
  for (const machine of retrying) desk.out(`waiting: ${cleaned(machine)}  DOWNLOAD  (it tries again)`);
  for (const { machine, fault, accepted } of failures) {
    desk.out(`failed: ${cleaned(machine)}  ${nameOf(RolloutFault, fault) ?? ""}${accepted ? "  (accepted)" : ""}`);
  }
}
