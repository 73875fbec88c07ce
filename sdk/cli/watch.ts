// drover watch: a run's events, from the first to the last; or what happens to any run, from now on.

import type { Command } from "commander";
import { RunEventKind } from "../gen/drover/v1/event_pb.ts";
import type { RunEventKindName } from "../names.ts";
import { act, addCommand } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { follow, stream } from "./follow.ts";
import { oneOf } from "./runs.ts";
import { type Watched, watchAll } from "./watch-all.ts";

export function addWatch(program: Command): Command {
  return addCommand(
    program,
    "watch [run]",
    "show a run's events until it has ended, or those of all runs from now on",
    [
      "drover watch 01980000-0000-7000-8000-000000000001",
      "drover watch 01980000-0000-7000-8000-000000000001 --json | jq .kind",
      "drover watch --workflow notes.save --kind placed,ended",
      "drover watch --kind ended --json --cursor AAAAAAAA…   # goes on where an earlier one was",
    ],
  )
    .optionsGroup("Without a run:")
    .option("--workflow <name>", "only this workflow's runs")
    .option("--caller <owner>", "only runs that this owner of a key started")
    .option("--kind <kinds>", "only such events, several with commas: placed, step_failed, ended, …", kindsFrom)
    .option("--cursor <cursor>", "go on behind this one instead of from now on")
    .action(
      act(async (desk, id: string | undefined, { workflow, caller, kind: kinds, cursor }: Given) => {
        const watched: Watched = { workflow, caller, kinds, cursor };
        if (id === undefined) return watchAll(desk, watched, process.stdout);
        if (Object.values(watched).some((each) => each !== undefined)) {
          throw new UsageError("--workflow, --caller, --kind and --cursor are for a watch of all runs: name no run.");
        }
        const run = desk.client.run(id);
        // Asked for first, so that a wrong id or address is told in seconds.
        await run.refresh({ signal: desk.signal });
        if (desk.json) return stream(desk, run);
        desk.document(await follow(desk, run, process.stdout));
      }),
    );
}

type Given = Omit<Watched, "kinds"> & { readonly kind?: RunEventKindName[] };

function kindsFrom(text: string, before: RunEventKindName[] = []): RunEventKindName[] {
  const kinds = text.split(",").map((each) => oneOf(RunEventKind)(each.trim()));
  return [...before, ...(kinds as RunEventKindName[])];
}
