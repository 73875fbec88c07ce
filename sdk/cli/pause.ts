// drover pause, drover unpause and drover pauses: what is kept from beginning, while what is under way goes on.

import { Argument, type Command } from "commander";
import { type Pause, PauseSchema } from "../gen/drover/v1/queue_pb.ts";
import type { PauseTarget } from "../queue.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { noteInForce, targetText } from "./in-force.ts";
import { cleaned } from "./screen-text.ts";
import { whenText } from "./spans.ts";

const kinds = ["workflow", "application", "pool"] as const;
type Kind = (typeof kinds)[number];

export function addPause(program: Command): Command[] {
  const pause = addTargeted(
    addCommand(program, "pause", "begin no more runs of a workflow, application or pool; those under way go on", [
      'drover pause application ehr --reason "upgrade tonight"',
      "drover pause workflow ehr.create-patient --reason INC-17",
    ]),
  )
    .option("--reason <text>", "why, for others who see it; name no patient here", "")
    .addHelpText("after", "\nRuns that are started meanwhile wait. To stop what is under way as well: drover halt")
    .action(
      act(async (desk, kind: Kind, name: string, { reason }: { reason: string }) => {
        const paused = await desk.client.pause(targetOf(kind, name), reason);
        if (desk.json) return desk.document(jsonOf(PauseSchema, paused));
        desk.out(`${cleaned(targetText(paused))} is paused; what is under way goes on`);
      }),
    );
  const unpause = addTargeted(
    addCommand(program, "unpause", "let what was paused begin again", ["drover unpause application ehr"]),
  ).action(
    act(async (desk, kind: Kind, name: string) => {
      const ended = await desk.client.unpause(targetOf(kind, name));
      if (desk.json) return desk.document(ended === undefined ? null : jsonOf(PauseSchema, ended));
      desk.out(ended === undefined ? "it was not paused" : `${cleaned(targetText(ended))} is paused no more`);
      await noteInForce(desk);
    }),
  );
  return [pause, unpause];
}

export function addPauses(program: Command): Command {
  return addCommand(program, "pauses", "list the pauses in force, newest first", [
    "drover pauses",
    "drover pauses --json | jq '.[].target'",
  ]).action(
    act(async (desk) => {
      const columns = [
        { title: "PAUSED", value: targetText, elastic: true },
        { title: "SINCE", value: (each: Pause) => whenText(each.since) },
        { title: "BY", value: (each: Pause) => each.by, elastic: true },
        { title: "REASON", value: (each: Pause) => each.reason, elastic: true },
      ];
      desk.list(PauseSchema, await desk.client.pauses(), columns, "Nothing is paused.");
    }),
  );
}

const addTargeted = (command: Command): Command =>
  command.addArgument(new Argument("<what>", kinds.join(", ")).choices(kinds)).argument("<name>", "its name");

function targetOf(kind: Kind, name: string): PauseTarget {
  if (kind === "workflow") return { workflow: name };
  return kind === "pool" ? { pool: name } : { application: name };
}
