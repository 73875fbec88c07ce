// drover halt, drover resume and drover halts: the stop button.

import { Argument, type Command } from "commander";
import { type Halt, HaltSchema } from "../gen/drover/v1/halt_pb.ts";
import type { HaltTarget } from "../halts.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { noteInForce, targetText } from "./in-force.ts";
import { cleaned } from "./screen-text.ts";
import { whenText } from "./spans.ts";

const kinds = ["machine", "workflow", "application", "pool", "tenant"] as const;
type Kind = (typeof kinds)[number];

export function addHalt(program: Command): Command[] {
  const halt = addTargeted(
    addCommand(program, "halt", "stop a machine, workflow, application, pool, or all at once, in mid-word", [
      'drover halt machine vm-1 --reason "somebody looks at it"',
      "drover halt workflow ehr.create-patient --reason INC-17",
      "drover halt tenant",
    ]),
  )
    .option("--reason <text>", "why, for others who see it; name no patient here", "")
    .addHelpText(
      "after",
      "\nWhat is under way holds until: drover resume. To let it end and begin no more: drover pause",
    )
    .action(
      act(async (desk, kind: Kind, name: string | undefined, { reason }: { reason: string }) => {
        const halted = await desk.client.halt(targetOf(kind, name), reason);
        if (desk.json) return desk.document(jsonOf(HaltSchema, halted));
        desk.out(`${cleaned(targetText(halted))} is halted`);
      }),
    );
  const resume = addTargeted(
    addCommand(program, "resume", "let what was halted go on; a machine, also where a person was at its mouse", [
      "drover resume machine vm-1",
      "drover resume tenant",
    ]),
  ).action(
    act(async (desk, kind: Kind, name: string | undefined) => {
      const ended = await desk.client.resume(targetOf(kind, name));
      if (desk.json) return desk.document(ended === undefined ? null : jsonOf(HaltSchema, ended));
      if (ended !== undefined) desk.out(`${cleaned(targetText(ended))} goes on`);
      else if (kind === "machine") desk.out("it was not halted; whoever was at its mouse is not waited for");
      else desk.out("it was not halted");
      await noteInForce(desk);
    }),
  );
  return [halt, resume];
}

export function addHalts(program: Command): Command {
  return addCommand(program, "halts", "list the halts in force, newest first", [
    "drover halts",
    "drover halts --json | jq '.[].target'",
  ]).action(
    act(async (desk) => {
      const columns = [
        { title: "HALTED", value: targetText, elastic: true },
        { title: "SINCE", value: (each: Halt) => whenText(each.since) },
        { title: "BY", value: (each: Halt) => each.by, elastic: true },
        { title: "REASON", value: (each: Halt) => each.reason, elastic: true },
      ];
      desk.list(HaltSchema, await desk.client.halts(), columns, "Nothing is halted.");
    }),
  );
}

const addTargeted = (command: Command): Command =>
  command
    .addArgument(new Argument("<what>", kinds.join(", ")).choices(kinds))
    .argument("[name]", "its name; a machine's may be its id; none for the tenant");

function targetOf(kind: Kind, name: string | undefined): HaltTarget {
  if (kind === "tenant") {
    if (name !== undefined) throw new UsageError("The tenant is that of your key, and is not named.");
    return { tenant: true };
  }
  if (name === undefined) throw new UsageError(`Name the ${kind}.`);
  if (kind === "machine") return { machine: name };
  if (kind === "workflow") return { workflow: name };
  return kind === "pool" ? { pool: name } : { application: name };
}
