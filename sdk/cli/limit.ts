// drover limit and drover limits: how many runs of a workflow, or on an application, are under way at the same time.

import { Argument, type Command, InvalidArgumentError } from "commander";
import { type Limit, LimitSchema } from "../gen/drover/v1/queue_pb.ts";
import type { LimitTarget } from "../queue.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { targetText } from "./in-force.ts";
import { cleaned } from "./screen-text.ts";
import { whenText } from "./spans.ts";
import { wholeNumber } from "./whole-numbers.ts";

const kinds = ["workflow", "application"] as const;
type Kind = (typeof kinds)[number];

export function addLimit(program: Command): Command {
  return addCommand(program, "limit", "bound how many runs are under way at the same time, or end such a limit", [
    "drover limit application ehr 20",
    "drover limit workflow ehr.create-patient none",
  ])
    .addArgument(new Argument("<what>", kinds.join(", ")).choices(kinds))
    .argument("<name>", "its name")
    .argument("<number>", "how many, at least 1; none: as many as there are machines", numberOrNone)
    .addHelpText("after", "\nWhat is over a limit that was lowered goes on. To let nothing begin: drover pause")
    .action(
      act(async (desk, kind: Kind, name: string, max: number | "none") => {
        const target: LimitTarget = kind === "workflow" ? { workflow: name } : { application: name };
        if (max === "none") {
          await desk.client.removeLimit(target);
          return desk.json ? desk.document(null) : desk.out(`${kind} ${cleaned(name)} has no limit`);
        }
        const limit = await desk.client.setLimit(target, max);
        if (desk.json) return desk.document(jsonOf(LimitSchema, limit));
        desk.out(`${cleaned(targetText(limit))}: at most ${limit.max} at a time, ${limit.used} under way`);
      }),
    );
}

export function addLimits(program: Command): Command {
  return addCommand(program, "limits", "list the limits, with how much of each is used", [
    "drover limits",
    "drover limits --json | jq '.[] | select(.used >= .max)'",
  ]).action(
    act(async (desk) => {
      const columns = [
        { title: "LIMITED", value: targetText, elastic: true },
        { title: "USED", value: ({ used, max }: Limit) => `${used} of ${max}` },
        { title: "SINCE", value: (each: Limit) => whenText(each.since) },
        { title: "BY", value: (each: Limit) => each.by, elastic: true },
      ];
      desk.list(LimitSchema, await desk.client.limits(), columns, "Nothing is limited.");
    }),
  );
}

function numberOrNone(text: string): number | "none" {
  if (text === "none") return text;
  try {
    return wholeNumber(1, 100_000)(text);
  } catch {
    throw new InvalidArgumentError("It must be a whole number from 1 to 100000, or none.");
  }
}
